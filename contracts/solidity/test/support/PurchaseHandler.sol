// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../../src/Checkout.sol";
import {Token} from "../../src/Token.sol";
import {Signing} from "./Signing.sol";
import {CuttingToken, OtherToken} from "./weird/Assets.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @dev Buys and pays back whatever anybody could, on terms as they come, and keeps books of its own on what must come of
/// it. A call that succeeds where the books say no, or the other way about, stops the campaign.
contract PurchaseHandler is Signing {
    uint256 private constant BUYERS = 3;

    Token public immutable token;
    Checkout public immutable checkout;
    OtherToken public immutable other;
    CuttingToken public immutable cutting;
    address[] public payees;

    uint256 public purchases;
    uint256 public refunds;
    mapping(address asset => uint256 amount) public strays;
    mapping(address asset => mapping(address who => uint256 amount)) public due;
    mapping(bytes32 purchase => bool done) private _done;
    bytes[] private _lawful;

    constructor(Token token_, Checkout checkout_) {
        token = token_;
        checkout = checkout_;
        other = new OtherToken(address(this), 1e30);
        cutting = new CuttingToken(address(this), 1e30);
        payees = [address(0xFACE), address(0xFEED), address(0xF00D), address(0xBEEF)];
    }

    function count() external view returns (uint256) {
        return payees.length;
    }

    // ---------------------------------------------------------------- what anybody can do

    function buy(uint256 seed, uint256 way) external {
        uint256 key = 1 + (seed >> 8) % BUYERS;
        _submit(_draw(seed), _order(seed, vm.addr(key)), key, way);
    }

    /// @dev Whatever was once bought is never bought again, whichever way it is tried.
    function buyAgain(uint256 pick, uint256 way) external {
        if (_lawful.length == 0) return;
        (Checkout.Terms memory terms, Checkout.Order memory order, uint256 key) =
            abi.decode(_lawful[pick % _lawful.length], (Checkout.Terms, Checkout.Order, uint256));
        _submit(terms, order, key, way);
    }

    function refund(uint256 seed, uint256 amount) external {
        IERC20 asset = _asset(seed);
        address to = payees[(seed >> 16) % payees.length];
        amount = _within(amount, 0, 1e18);
        asset.approve(address(checkout), amount);
        (bool done,) = address(checkout).call(abi.encodeCall(checkout.refund, (bytes32(seed), to, asset, amount)));
        bool lawful = amount > 0 && (asset != IERC20(cutting) || amount / 10 == 0);
        vm.assertEq(done, lawful, "paid back if and only if it is lawful");
        if (!done) return;
        due[address(asset)][to] += amount;
        ++refunds;
    }

    /// @dev What nobody asked for.
    function stray(uint256 seed, uint256 amount) external {
        amount = _within(amount, 0, 1e18);
        IERC20 asset = seed % 2 == 0 ? IERC20(token) : IERC20(other);
        asset.transfer(address(checkout), amount);
        strays[address(asset)] += amount;
    }

    // ---------------------------------------------------------------- how it is done

    function _submit(Checkout.Terms memory terms, Checkout.Order memory order, uint256 key, uint256 way) private {
        IERC20 asset = IERC20(terms.asset);
        bool carried = way % 3 == 2;
        uint256 all = terms.price + (carried ? order.relayFee : 0);
        asset.transfer(order.buyer, asset == IERC20(cutting) ? 2 * all : all);
        uint256 before = asset.balanceOf(order.buyer);
        bytes32 id = checkout.purchaseId(terms, order);
        bool lawful = !_done[id] && _isLawful(terms, order) && (!carried || asset == IERC20(token));
        vm.assertEq(_raw(terms, order, key, way), lawful, "bought if and only if it is lawful");
        vm.assertEq(before - asset.balanceOf(order.buyer), lawful ? all : 0, "the buyer paid exactly that");
        if (!lawful) return;
        _done[id] = true;
        vm.assertTrue(checkout.bought(id), "it is known");
        _lawful.push(abi.encode(terms, order, key));
        ++purchases;
        if (carried) due[address(asset)][order.relayReceiver] += order.relayFee;
        uint256 fee = terms.price * terms.feeBps / 10_000;
        due[address(asset)][terms.feeReceiver] += fee;
        uint256 rest = terms.price - fee;
        for (uint256 i = 0; i < terms.shares.length; ++i) {
            uint256 part = (terms.price - fee) * terms.shares[i].bps / 10_000;
            due[address(asset)][terms.shares[i].payee] += part;
            rest -= part;
        }
        due[address(asset)][terms.seller] += rest;
    }

    function _raw(Checkout.Terms memory terms, Checkout.Order memory order, uint256 key, uint256 way)
        private
        returns (bool done)
    {
        bytes memory call_;
        if (way % 3 == 0) {
            vm.prank(order.buyer);
            IERC20(terms.asset).approve(address(checkout), terms.price);
            call_ = abi.encodeCall(checkout.buy, (terms, order));
        } else if (way % 3 == 1) {
            uint256 nonce = token.nonces(order.buyer);
            Signature memory sig = _signPermit(token, key, address(checkout), terms.price, nonce, _now());
            if (terms.asset != address(token)) {
                vm.prank(order.buyer);
                IERC20(terms.asset).approve(address(checkout), terms.price);
            }
            call_ = abi.encodeCall(checkout.buyWithPermit, (terms, order, _now(), sig.v, sig.r, sig.s));
        } else {
            bytes32 id = checkout.purchaseId(terms, order);
            uint256 all = terms.price + order.relayFee;
            Signature memory sig =
                _signReceive(token, key, Authorization(order.buyer, address(checkout), all, 0, order.validBefore, id));
            call_ = abi.encodeCall(checkout.buyWithAuthorization, (terms, order, sig.v, sig.r, sig.s));
        }
        vm.prank(way % 3 == 2 ? address(0xBEEF) : order.buyer);
        (done,) = address(checkout).call(call_);
    }

    function _asset(uint256 seed) private view returns (IERC20) {
        return [IERC20(token), IERC20(other), IERC20(token), IERC20(cutting)][seed % 4];
    }

    /// @dev Terms as they come: mostly lawful, sometimes with one thing amiss.
    function _draw(uint256 seed) private view returns (Checkout.Terms memory t) {
        uint256 chance = uint256(keccak256(abi.encode(seed, "chance")));
        t.asset = address(_asset(seed));
        t.seller = payees[(seed >> 16) % payees.length];
        t.price = chance % 8 == 0 ? (chance >> 8) % 20 : (chance >> 8) % 100 ether;
        t.feeBps = uint16((chance >> 80) % 1_010);
        t.feeReceiver = payees[(seed >> 24) % payees.length];
        t.shares = new Checkout.Share[]((chance >> 96) % 5);
        for (uint256 i = 0; i < t.shares.length; ++i) {
            uint256 luck = uint256(keccak256(abi.encode(chance, i)));
            t.shares[i] = Checkout.Share(payees[luck % payees.length], uint16((luck >> 8) % 3_000));
        }
        if (chance % 32 == 1) t.seller = address(0);
        if (chance % 32 == 2) t.feeReceiver = address(checkout);
        if (chance % 32 == 3 && t.shares.length > 0) t.shares[0].payee = vm.addr(1 + (seed >> 8) % BUYERS);
        t.listing = bytes32(seed);
        t.validUntil = uint64(_now() + (chance % 16 == 4 ? 0 : 1));
    }

    function _order(uint256 seed, address buyer) private view returns (Checkout.Order memory) {
        return Checkout.Order({
            buyer: buyer,
            memo: bytes32(seed),
            relayFee: (seed >> 32) % 1 ether,
            relayReceiver: address(0xBEEF),
            validBefore: uint64(_now() + (seed % 32 == 5 ? 0 : 1)),
            salt: bytes32(purchases)
        });
    }

    function _isLawful(Checkout.Terms memory t, Checkout.Order memory o) private view returns (bool) {
        if (t.price == 0 || t.feeBps > 1_000 || t.validUntil <= _now() || o.validBefore <= _now()) return false;
        if (!_payable(t.seller, o.buyer) || (t.feeBps > 0 && !_payable(t.feeReceiver, o.buyer))) return false;
        uint256 sum = 0;
        bool cut = false;
        uint256 fee = t.price * t.feeBps / 10_000;
        uint256 rest = t.price - fee;
        if (fee >= 10) cut = true;
        for (uint256 i = 0; i < t.shares.length; ++i) {
            if (!_payable(t.shares[i].payee, o.buyer) || t.shares[i].bps == 0) return false;
            sum += t.shares[i].bps;
            uint256 part = (t.price - fee) * t.shares[i].bps / 10_000;
            if (part >= 10) cut = true;
            if (sum <= 10_000) rest -= part;
        }
        if (rest >= 10) cut = true;
        return sum <= 10_000 && !(cut && t.asset == address(cutting));
    }

    function _payable(address to, address buyer) private view returns (bool) {
        return to != address(0) && to != address(checkout) && to != buyer;
    }
}
