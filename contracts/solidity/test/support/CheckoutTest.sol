// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../../src/Checkout.sol";
import {Token} from "../../src/Token.sol";
import {Signing} from "./Signing.sol";
import {Vm} from "./Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @dev A token, the checkout, and the people around a purchase. Of 10 a tenth is the shop's, and of the 9 that are left
/// 20 % and 5 % are those's who sell along.
abstract contract CheckoutTest is Signing {
    uint256 internal constant BUYER_KEY = 0xb04e4;
    uint256 internal constant MALLORY_KEY = 0xbad;
    uint256 internal constant SUPPLY = 1_000_000 ether;
    bytes32 internal constant TRANSFER = keccak256("Transfer(address,address,uint256)");
    bytes32 internal constant MEMO = keccak256("for whom");

    address internal immutable buyer = vm.addr(BUYER_KEY);
    address internal immutable mallory = vm.addr(MALLORY_KEY);
    address internal constant seller = address(uint160(uint256(keccak256("seller"))));
    address internal constant painter = address(uint160(uint256(keccak256("painter"))));
    address internal constant editor = address(uint160(uint256(keccak256("editor"))));
    address internal constant shop = address(uint160(uint256(keccak256("shop"))));
    address internal constant relayer = address(uint160(uint256(keccak256("relayer"))));
    address internal constant treasury = address(uint160(uint256(keccak256("treasury"))));
    address internal constant anybody = address(uint160(uint256(keccak256("anybody"))));

    Token internal token;
    Checkout internal checkout;

    function setUp() public virtual {
        token = new Token(treasury, SUPPLY);
        checkout = new Checkout(token);
        vm.prank(treasury);
        token.transfer(buyer, 1_000 ether);
    }

    /// @dev The seller alone, for 10 tokens.
    function _plain() internal view returns (Checkout.Terms memory terms) {
        terms.seller = seller;
        terms.asset = address(token);
        terms.price = 10 ether;
        terms.listing = keccak256("listing");
        terms.content = keccak256("text, licence, version");
        terms.validUntil = uint64(_now() + 1 days);
    }

    /// @dev With everybody who can get something.
    function _terms() internal view returns (Checkout.Terms memory terms) {
        terms = _plain();
        terms.feeBps = 1_000;
        terms.feeReceiver = shop;
        terms.shares = new Checkout.Share[](2);
        terms.shares[0] = Checkout.Share(painter, 2_000);
        terms.shares[1] = Checkout.Share(editor, 500);
    }

    function _order() internal view returns (Checkout.Order memory) {
        return Checkout.Order({
            buyer: buyer,
            memo: MEMO,
            relayFee: 0.25 ether,
            relayReceiver: relayer,
            validBefore: uint64(_now() + 1 hours),
            salt: keccak256("salt")
        });
    }

    function _sign(Checkout.Terms memory terms, Checkout.Order memory order, uint256 key)
        internal
        view
        returns (Signature memory)
    {
        uint256 due;
        unchecked {
            due = terms.price + order.relayFee; // some overflow: that is for the contract to refuse
        }
        bytes32 id = checkout.purchaseId(terms, order);
        return _signReceive(token, key, Authorization(order.buyer, address(checkout), due, 0, order.validBefore, id));
    }

    function _approve(IERC20 asset, uint256 amount) internal {
        vm.prank(buyer);
        asset.approve(address(checkout), amount);
    }

    /// @dev By allowance; with a reason, it must fail for that.
    function _buy(Checkout.Terms memory terms, Checkout.Order memory order, bytes memory reason) internal {
        _approve(token, terms.price);
        if (reason.length > 0) vm.expectRevert(reason);
        vm.prank(buyer);
        checkout.buy(terms, order);
    }

    function _carry(Checkout.Terms memory terms, Checkout.Order memory order, Signature memory sig) internal {
        vm.prank(anybody);
        checkout.buyWithAuthorization(terms, order, sig.v, sig.r, sig.s);
    }

    function _assertBalance(address who, uint256 wanted, string memory because) internal view {
        vm.assertEq(token.balanceOf(who), wanted, because);
    }

    /// @dev All of `_terms` has been paid.
    function _assertAllPaid() internal view {
        _assertBalance(shop, 1 ether, "the shop has its fee");
        _assertBalance(painter, 1.8 ether, "the first who sells along");
        _assertBalance(editor, 0.45 ether, "the second");
        _assertBalance(seller, 6.75 ether, "the seller has the rest");
        _assertBalance(address(checkout), 0, "nothing stays");
    }

    /// @dev The log is a transfer by the token.
    function _assertTransfer(Vm.Log memory log, address from, address to, uint256 value) internal view {
        vm.assertEq(log.emitter, address(token), "the token says so");
        vm.assertEq(log.topics[0], TRANSFER, "it is a transfer");
        vm.assertEq(address(uint160(uint256(log.topics[1]))), from, "from");
        vm.assertEq(address(uint160(uint256(log.topics[2]))), to, "to");
        vm.assertEq(abi.decode(log.data, (uint256)), value, "value");
    }

    /// @dev The log tells of this purchase and of no other.
    function _assertBought(Vm.Log memory log, Checkout.Terms memory terms, Checkout.Order memory order) internal view {
        vm.assertEq(log.emitter, address(checkout), "it says so itself");
        vm.assertEq(log.topics[0], Checkout.Bought.selector, "which event");
        vm.assertEq(log.topics[1], checkout.purchaseId(terms, order), "which purchase");
        vm.assertEq(address(uint160(uint256(log.topics[2]))), order.buyer, "buyer");
        vm.assertEq(address(uint160(uint256(log.topics[3]))), terms.seller, "seller");
        vm.assertEq(
            log.data,
            abi.encode(terms.asset, terms.price, terms.listing, keccak256(abi.encode(terms)), order.memo),
            "what, how much, on which terms, with which memo"
        );
    }

    function _lastLog() internal returns (Vm.Log memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        return logs[logs.length - 1];
    }
}
