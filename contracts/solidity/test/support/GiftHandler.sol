// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pledges} from "../../src/Pledges.sol";
import {Token} from "../../src/Token.sol";
import {Signing} from "./Signing.sol";
import {Vm} from "./Test.sol";
import {GreedyCause, RefusingCause} from "./weird/Causes.sol";
import {CuttingToken, OtherToken} from "./weird/Assets.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @dev Gives whatever anybody could give to whomever, and keeps books of its own on what must come of it. A call that
/// succeeds where the books say no, or the other way about, stops the campaign.
contract GiftHandler is Signing {
    uint256 private constant GIVERS = 3;

    Token public immutable token;
    Pledges public immutable pledges;
    OtherToken public immutable other;
    CuttingToken public immutable cutting;
    address[] public causes;

    uint256 public gifts;
    mapping(address asset => uint256 amount) public strays;
    mapping(address asset => mapping(address cause => uint256 amount)) public arrived;
    uint256 private _salt;

    constructor(Token token_, Pledges pledges_) {
        token = token_;
        pledges = pledges_;
        other = new OtherToken(address(this), 1e30);
        cutting = new CuttingToken(address(this), 1e30);
        GreedyCause greedy = new GreedyCause();
        greedy.arm(address(pledges), abi.encodeCall(pledges.giveEther, (address(0xFACE), 0, bytes32(0))));
        causes = [address(0xFACE), address(0xFEED), address(greedy), address(new RefusingCause()), address(0)];
        causes.push(address(pledges));
        causes.push(vm.addr(1));
    }

    function count() external view returns (uint256) {
        return causes.length;
    }

    // ---------------------------------------------------------------- what anybody can do

    function give(uint256 seed, uint256 amount, uint256 months) external {
        IERC20 asset = [IERC20(token), IERC20(other), IERC20(cutting)][seed % 3];
        address giver = vm.addr(1 + (seed >> 8) % GIVERS);
        address cause = causes[(seed >> 16) % causes.length];
        amount = _within(amount, 0, 1e20);
        months = _within(months, 0, 130);
        asset.transfer(giver, asset == IERC20(cutting) ? 2 * amount : amount);
        vm.prank(giver);
        asset.approve(address(pledges), amount);
        uint256 comes = asset == IERC20(cutting) ? amount - amount / 10 : amount;
        bytes memory call_ = abi.encodeCall(pledges.give, (cause, asset, amount, uint16(months), bytes32(seed)));
        bool lawful = _lawful(giver, cause, amount, months);
        if (_try(giver, 0, call_, lawful)) arrived[address(asset)][cause] += comes;
    }

    function giveEther(uint256 seed, uint256 amount, uint256 months) external {
        address giver = vm.addr(1 + (seed >> 8) % GIVERS);
        uint256 place = (seed >> 16) % causes.length;
        amount = _within(amount, 0, 1e20);
        months = _within(months, 0, 130);
        vm.deal(giver, amount);
        bytes memory call_ = abi.encodeCall(pledges.giveEther, (causes[place], uint16(months), bytes32(seed)));
        bool lawful = _lawful(giver, causes[place], amount, months) && place != 3;
        if (_try(giver, amount, call_, lawful)) arrived[address(0)][causes[place]] += amount;
    }

    function giveWithAuthorization(uint256 seed, uint256 amount, uint256 fee, uint256 months) external {
        uint256 key = 1 + (seed >> 8) % GIVERS;
        Pledges.Gift memory gift = Pledges.Gift({
            giver: vm.addr(key),
            cause: causes[(seed >> 16) % causes.length],
            amount: _within(amount, 0, 1e20),
            months: uint16(_within(months, 0, 130)),
            memo: bytes32(seed),
            relayFee: _within(fee, 0, 1e18),
            relayReceiver: address(0xBEEF),
            validBefore: uint64(_now() + 1),
            salt: bytes32(++_salt)
        });
        uint256 due = gift.amount + gift.relayFee;
        token.transfer(gift.giver, due);
        Signature memory sig = _signReceive(
            token, key, Authorization(gift.giver, address(pledges), due, 0, gift.validBefore, pledges.giftId(gift))
        );
        bytes memory call_ = abi.encodeCall(pledges.giveWithAuthorization, (gift, sig.v, sig.r, sig.s));
        bool lawful = _lawful(gift.giver, gift.cause, gift.amount, gift.months);
        if (!_try(address(0xBEEF), 0, call_, lawful)) return;
        arrived[address(token)][gift.cause] += gift.amount;
        vm.assertTrue(!_raw(address(0xBEEF), 0, call_), "a signature is good once");
    }

    /// @dev What nobody asked for.
    function stray(uint256 seed, uint256 amount) external {
        amount = _within(amount, 0, 1e18);
        IERC20 asset = seed % 2 == 0 ? IERC20(token) : IERC20(other);
        asset.transfer(address(pledges), amount);
        strays[address(asset)] += amount;
    }

    // ---------------------------------------------------------------- how it is done

    function _lawful(address giver, address cause, uint256 amount, uint256 months) private view returns (bool) {
        bool payable_ = cause != address(0) && cause != address(pledges) && cause != giver;
        return payable_ && amount > 0 && months <= 120;
    }

    function _try(address by, uint256 value, bytes memory call_, bool lawful) private returns (bool done) {
        done = _raw(by, value, call_);
        vm.assertEq(done, lawful, "it is done if and only if it is lawful");
        if (done) ++gifts;
    }

    function _raw(address by, uint256 value, bytes memory call_) private returns (bool done) {
        vm.prank(by);
        (done,) = address(pledges).call{value: value}(call_);
    }
}
