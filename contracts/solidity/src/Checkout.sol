// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Token} from "./Token.sol";

/// @title Pays for something that is sold, and proves who bought what on which terms
/// @notice A price goes from its buyer to the seller, to those who sell with them and to whoever runs the shop, in one
/// transaction, and one log tells of it. Nothing is ever kept here but which purchases there were.
/// @dev Trust assumptions:
/// - No owner, pause, upgrade or rescue. What is sent here unasked is nobody's and stays.
/// - Anybody can write any terms and name any seller. A purchase means something to whoever knows the terms that its
///   seller published: their hash is in `Bought`, and nothing of them can differ without it.
/// - A purchase is final: the money is the payees' at once. `refund` is a payment of its own, by whoever wants to pay
///   back, and which purchase it is for is that payer's word.
/// - Every payee got exactly its part, by the asset's own balances before and after, or there was no purchase. The log
///   of an asset that lies about its balances is as good as that asset's word.
/// - What is due is rounded down for the fee and for each who sells along; what is left is the seller's. The fee is part
///   of the terms and never above `MAX_FEE_BPS`.
/// - A purchase's id is good once, whichever way it is paid. Storage holds one slot a purchase.
/// - No function can be entered from within another: a token with hooks can neither buy nor refund meanwhile.
/// - With the token named at deployment a signature suffices (EIP-3009). That token is Earnest's own.
contract Checkout is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Somebody who sells along, and the part of what the fee leaves that is theirs.
    struct Share {
        address payee;
        uint16 bps; // of 10,000
    }

    /// @notice What is sold, by whom and for how much, as its seller published it. One hash stands for all of it.
    struct Terms {
        address seller; // gets what the fee and the shares leave
        address asset; // the token that the price is in
        uint256 price; // in base units; all that the buyer pays but for a relay fee
        uint16 feeBps; // the part of the price, of 10,000, that is the shop's
        address feeReceiver; // who gets it
        Share[] shares; // those who sell along
        bytes32 listing; // which listing
        bytes32 content; // commits to what is sold: its text, licence and version
        uint64 validUntil; // from here on it can no longer be bought
    }

    /// @notice Who buys. Its hash, with the terms', is the purchase's id.
    struct Order {
        address buyer; // whose tokens these are
        bytes32 memo; // commits to what the buyer wants to be known to whoever can open it: for whom it is
        uint256 relayFee; // for whoever carries a signed order to the chain; not due when the buyer does
        address relayReceiver; // who gets it
        uint64 validBefore; // from here on it can no longer be carried
        bytes32 salt; // makes two orders that are otherwise alike two
    }

    /// @notice Everybody has been paid: `amount` is the price, `terms` the hash of what was agreed on.
    event Bought(
        bytes32 indexed purchase,
        address indexed buyer,
        address indexed seller,
        address asset,
        uint256 amount,
        bytes32 listing,
        bytes32 terms,
        bytes32 memo
    );
    /// @notice Somebody has paid back so much, and says for which purchase.
    event Refunded(bytes32 indexed purchase, address indexed from, address indexed to, address asset, uint256 amount);

    error ZeroToken();
    error NotTheBuyer(address caller);
    error BoughtAlready(bytes32 purchase);
    error NothingPaid();
    error NotAToken(address asset);
    error NotTheToken(address asset);
    error TermsExpired(uint64 validUntil);
    error OrderExpired(uint64 validBefore);
    error FeeTooHigh(uint16 feeBps);
    error TooManyShares(uint256 count);
    error EmptyShare(address payee);
    error SharesTooHigh(uint256 bps);
    error BadPayee(address payee);
    error BadRelayReceiver(address relayReceiver);
    error NotPaidExactly(address payee);

    /// @notice The highest fee that terms can name, of 10,000.
    uint16 public constant MAX_FEE_BPS = 1_000;
    /// @notice How many can sell along.
    uint256 public constant MAX_SHARES = 16;

    /// @dev All of something.
    uint256 private constant WHOLE = 10_000;

    /// @notice The token that can be paid by a signature.
    Token public immutable token;

    /// @notice Whether there was that purchase.
    mapping(bytes32 purchase => bool done) public bought;

    /// @notice Bind what is paid by signature to one token for ever.
    /// @param token_ Earnest's token on this chain
    constructor(Token token_) {
        require(address(token_) != address(0), ZeroToken());
        token = token_;
    }

    // ------------------------------------------------------------------ buying
    //
    // The order of logs is part of what this contract promises: transfers first, then Bought, so that whoever reads Bought
    // has seen its money. (Bought after the calls is what slither's reentrancy-events is told to allow.)

    /// @notice Buy with an allowance of the price given before. Only the buyer; the relay fee is not due.
    /// @param terms what its seller published
    /// @param order who buys
    function buy(Terms calldata terms, Order calldata order) external nonReentrant {
        require(msg.sender == order.buyer, NotTheBuyer(msg.sender));
        bytes32 purchase = _begin(terms, order);
        _share(terms, true);
        _told(purchase, terms, order);
    }

    /// @notice Buy with an EIP-2612 permit for exactly the price, of any token that knows it. Only the buyer; the relay
    /// fee is not due. A permit that somebody else submitted first has done its work, so its failure here is ignored.
    /// @param terms what its seller published
    /// @param order who buys
    /// @param deadline until when the permit is good
    /// @param v recovery id of the permit's signature
    /// @param r first half of the signature
    /// @param s second half of the signature
    function buyWithPermit(Terms calldata terms, Order calldata order, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        require(msg.sender == order.buyer, NotTheBuyer(msg.sender));
        bytes32 purchase = _begin(terms, order);
        try IERC20Permit(terms.asset).permit(msg.sender, address(this), terms.price, deadline, v, r, s) {} catch {}
        _share(terms, true);
        _told(purchase, terms, order);
    }

    /// @notice Buy for Earnest's token with the buyer's EIP-3009 authorization. Anybody may carry it here: the nonce that
    /// was signed is the purchase's id, so no term can be changed on the way. The relay fee is paid at once.
    /// @dev Signed message: ReceiveWithAuthorization(buyer, this, price + relayFee, 0, validBefore, id).
    /// @param terms what its seller published
    /// @param order who buys
    /// @param v recovery id of the authorization's signature
    /// @param r first half of the signature
    /// @param s second half of the signature
    function buyWithAuthorization(Terms calldata terms, Order calldata order, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        require(terms.asset == address(token), NotTheToken(terms.asset));
        require(order.relayFee == 0 || _canBePaid(order.relayReceiver), BadRelayReceiver(order.relayReceiver));
        bytes32 purchase = _begin(terms, order);
        uint256 due = terms.price + order.relayFee;
        token.receiveWithAuthorization(order.buyer, address(this), due, 0, order.validBefore, purchase, v, r, s);
        _share(terms, false);
        if (order.relayFee > 0) IERC20(terms.asset).safeTransfer(order.relayReceiver, order.relayFee);
        _told(purchase, terms, order);
    }

    // ------------------------------------------------------------------ paying back

    /// @notice Pay somebody back, with an allowance given before. Anybody can, any amount and as often as they like:
    /// whose refund counts, and for how much, is for the reader to say. The purchase need not have been made here.
    /// @param purchase what for
    /// @param to who gets it
    /// @param asset the token's contract
    /// @param amount how much, in base units
    function refund(bytes32 purchase, address to, IERC20 asset, uint256 amount) external nonReentrant {
        require(amount > 0, NothingPaid());
        require(address(asset).code.length > 0, NotAToken(address(asset)));
        require(_canBePaid(to) && to != msg.sender, BadPayee(to));
        _pay(asset, to, amount, true);
        // slither-disable-next-line reentrancy-events
        emit Refunded(purchase, msg.sender, to, address(asset), amount);
    }

    // ------------------------------------------------------------------ reading

    /// @notice The hash that stands for terms, on any chain.
    /// @param terms the terms
    /// @return hash the same for the same terms, and for no others
    function termsHash(Terms calldata terms) public pure returns (bytes32 hash) {
        return keccak256(abi.encode(terms));
    }

    /// @notice The id of a purchase: the hash of the chain, this contract, the terms' hash and the order. It is the
    /// EIP-3009 nonce too.
    /// @param terms what its seller published
    /// @param order who buys
    /// @return purchase the same for the same terms and order, and for no others
    function purchaseId(Terms calldata terms, Order calldata order) public view returns (bytes32 purchase) {
        return keccak256(abi.encode(block.chainid, address(this), termsHash(terms), order));
    }

    // ------------------------------------------------------------------ within

    /// @dev Check terms and order and take the purchase's id, before any token moves.
    function _begin(Terms calldata terms, Order calldata order) private returns (bytes32 purchase) {
        purchase = purchaseId(terms, order);
        require(!bought[purchase], BoughtAlready(purchase));
        require(block.timestamp < terms.validUntil, TermsExpired(terms.validUntil));
        require(block.timestamp < order.validBefore, OrderExpired(order.validBefore));
        require(terms.price > 0, NothingPaid());
        require(terms.asset.code.length > 0, NotAToken(terms.asset));
        require(terms.feeBps <= MAX_FEE_BPS, FeeTooHigh(terms.feeBps));
        if (terms.feeBps > 0) _checkPayee(terms.feeReceiver, order.buyer);
        _checkPayee(terms.seller, order.buyer);
        uint256 count = terms.shares.length;
        require(count <= MAX_SHARES, TooManyShares(count));
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            Share calldata share = terms.shares[i];
            _checkPayee(share.payee, order.buyer);
            require(share.bps > 0, EmptyShare(share.payee));
            sum += share.bps;
        }
        require(sum <= WHOLE, SharesTooHigh(sum));

        bought[purchase] = true;
    }

    /// @dev Pay all of the price: the fee, each share of what it leaves, and the rest to the seller.
    /// @param pulled whether it comes from the caller; else it is here
    function _share(Terms calldata terms, bool pulled) private {
        IERC20 asset = IERC20(terms.asset);
        uint256 fee = terms.price * terms.feeBps / WHOLE;
        uint256 net = terms.price - fee;
        uint256 rest = net;
        _pay(asset, terms.feeReceiver, fee, pulled);
        uint256 count = terms.shares.length;
        for (uint256 i = 0; i < count; ++i) {
            Share calldata share = terms.shares[i];
            uint256 part = net * share.bps / WHOLE;
            rest -= part;
            _pay(asset, share.payee, part, pulled);
        }
        _pay(asset, terms.seller, rest, pulled);
    }

    /// @dev A payee gets exactly that, or nothing has happened. A part of nothing leaves no transfer behind.
    function _pay(IERC20 asset, address to, uint256 value, bool pulled) private {
        if (value == 0) return;
        uint256 before = asset.balanceOf(to);
        if (pulled) asset.safeTransferFrom(msg.sender, to, value);
        else asset.safeTransfer(to, value);
        uint256 afterwards = asset.balanceOf(to);
        // slither-disable-next-line incorrect-equality
        require(afterwards > before && afterwards - before == value, NotPaidExactly(to));
    }

    function _told(bytes32 purchase, Terms calldata terms, Order calldata order) private {
        // slither-disable-next-line reentrancy-events
        emit Bought(
            purchase, order.buyer, terms.seller, terms.asset, terms.price, terms.listing, termsHash(terms), order.memo
        );
    }

    /// @dev What the buyer gets back would be no payment.
    function _checkPayee(address payee, address buyer) private view {
        require(_canBePaid(payee) && payee != buyer, BadPayee(payee));
    }

    /// @dev Whether money sent there is not lost at once.
    function _canBePaid(address to) private view returns (bool) {
        return to != address(0) && to != address(this);
    }
}
