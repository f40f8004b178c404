// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Token} from "./Token.sol";

/// @title Carries gifts to a cause, and says who gave what
/// @notice A gift goes from its giver to the cause in one transaction, and one log tells of it: once, or as so many
/// prepaid months, with a memo that says more only to whoever can open it. Nothing is ever kept here.
/// @dev Trust assumptions:
/// - No owner, pause, upgrade or rescue, and no storage. What is sent here unasked is nobody's and stays.
/// - A gift is final: nobody, the giver included, can take it back.
/// - Anybody can name any address as a cause and any contract as an asset. Whoever reads `Given` chooses which of
///   them mean something: the log of an asset that lies about its balances is as good as that asset's word.
/// - `amount` is what arrived, by the asset's own balances before and after, and at most what was asked for: a token
///   that takes a cut is counted without it, and what somebody else sends meanwhile is not counted.
/// - The months are the giver's word. Whether the amount is worth them is for the reader to say.
/// - Ether is passed on with all the gas there is. A cause that refuses it, or fails, undoes the whole gift.
/// - No function can be entered from within another: neither a cause nor a token with hooks can give meanwhile.
/// - With the token named at deployment a signature suffices (EIP-3009). That token is Earnest's own.
contract Pledges is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeERC20 for Token;

    /// @notice A gift of Earnest's token that its giver signed and anybody may carry here.
    struct Gift {
        address giver; // whose tokens these are
        address cause; // who gets them
        uint256 amount; // how much the cause gets
        uint16 months; // 0: once; else so many prepaid months
        bytes32 memo; // commits to what the giver wants to be known to whoever can open it
        uint256 relayFee; // for whoever carries the signed gift to the chain, beside the amount
        address relayReceiver; // who gets it
        uint64 validBefore; // from here on it can no longer be carried
        bytes32 salt; // makes two gifts that are otherwise alike two
    }

    /// @notice So much of an asset (zero address: ether) has arrived at a cause, in base units.
    event Given(
        address indexed giver, address indexed cause, address indexed asset, uint256 amount, uint16 months, bytes32 memo
    );

    error ZeroToken();
    error BadCause(address cause);
    error NotAToken(address asset);
    error NothingGiven();
    error NothingArrived(address asset);
    error TooManyMonths(uint16 months);
    error BadRelayReceiver(address relayReceiver);
    error EtherRefused(address cause);

    /// @notice For how many months one can give at once.
    uint16 public constant MAX_MONTHS = 120;

    /// @notice The token that can be given by a signature.
    Token public immutable token;

    /// @notice Bind the signed gifts to one token for ever.
    /// @param token_ Earnest's token on this chain
    constructor(Token token_) {
        require(address(token_) != address(0), ZeroToken());
        token = token_;
    }

    // ------------------------------------------------------------------ giving
    //
    // The order of logs is part of what this contract promises: transfers first, then Given, so that whoever reads Given
    // has seen its money. (Given after the calls is what slither's reentrancy-events is told to allow.)

    /// @notice Give tokens with an allowance given before. They go straight from the giver to the cause.
    /// @param cause who gets them
    /// @param asset the token's contract
    /// @param amount how much is sent, in base units
    /// @param months 0: once; else so many prepaid months
    /// @param memo commits to what the giver wants to be known to whoever can open it; zero: nothing
    function give(address cause, IERC20 asset, uint256 amount, uint16 months, bytes32 memo) external nonReentrant {
        _check(msg.sender, cause, amount, months);
        require(address(asset).code.length > 0, NotAToken(address(asset)));
        uint256 before = asset.balanceOf(cause);
        asset.safeTransferFrom(msg.sender, cause, amount);
        uint256 afterwards = asset.balanceOf(cause);
        require(afterwards > before, NothingArrived(address(asset)));
        uint256 arrived = afterwards - before;
        // slither-disable-next-line reentrancy-events
        emit Given(msg.sender, cause, address(asset), arrived < amount ? arrived : amount, months, memo);
    }

    /// @notice Give the ether that is sent along.
    /// @param cause who gets it
    /// @param months 0: once; else so many prepaid months
    /// @param memo commits to what the giver wants to be known to whoever can open it; zero: nothing
    function giveEther(address cause, uint16 months, bytes32 memo) external payable nonReentrant {
        _check(msg.sender, cause, msg.value, months);
        // slither-disable-next-line missing-zero-check,low-level-calls
        (bool done,) = cause.call{value: msg.value}("");
        require(done, EtherRefused(cause));
        // slither-disable-next-line reentrancy-events
        emit Given(msg.sender, cause, address(0), msg.value, months, memo);
    }

    /// @notice Give Earnest's token with the giver's EIP-3009 authorization. Anybody may carry it here: the nonce that
    /// was signed is the gift's id, so nothing can be changed on the way, and it is good once. The relay fee is paid
    /// at once.
    /// @dev Signed message: ReceiveWithAuthorization(giver, this, amount + relayFee, 0, validBefore, id).
    /// @param gift what was signed
    /// @param v recovery id of the authorization's signature
    /// @param r first half of the signature
    /// @param s second half of the signature
    function giveWithAuthorization(Gift calldata gift, uint8 v, bytes32 r, bytes32 s) external nonReentrant {
        _check(gift.giver, gift.cause, gift.amount, gift.months);
        require(gift.relayFee == 0 || _canBePaid(gift.relayReceiver), BadRelayReceiver(gift.relayReceiver));
        uint256 due = gift.amount + gift.relayFee;
        token.receiveWithAuthorization(gift.giver, address(this), due, 0, gift.validBefore, giftId(gift), v, r, s);
        token.safeTransfer(gift.cause, gift.amount);
        if (gift.relayFee > 0) token.safeTransfer(gift.relayReceiver, gift.relayFee);
        // slither-disable-next-line reentrancy-events
        emit Given(gift.giver, gift.cause, address(token), gift.amount, gift.months, gift.memo);
    }

    // ------------------------------------------------------------------ reading

    /// @notice The id of a signed gift: the hash of the chain, this contract and all that is signed. It is the EIP-3009
    /// nonce too, so the token tells whether it was used.
    /// @param gift the gift
    /// @return id the same for the same gift, and for no other
    function giftId(Gift calldata gift) public view returns (bytes32 id) {
        return keccak256(abi.encode(block.chainid, address(this), gift));
    }

    // ------------------------------------------------------------------ within

    function _check(address giver, address cause, uint256 amount, uint16 months) private view {
        require(_canBePaid(cause) && cause != giver, BadCause(cause));
        require(amount > 0, NothingGiven());
        require(months <= MAX_MONTHS, TooManyMonths(months));
    }

    /// @dev Whether money sent there is not lost at once.
    function _canBePaid(address to) private view returns (bool) {
        return to != address(0) && to != address(this);
    }
}
