// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../../src/Checkout.sol";
import {Token} from "../../src/Token.sol";
import {CheckoutTest} from "../support/CheckoutTest.sol";
import {Vm} from "../support/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev buy: by an allowance, and the rules that hold for every way to buy.
contract BuyTest is CheckoutTest {
    function test_everybody_is_paid() public {
        _buy(_terms(), _order(), "");
        _assertAllPaid();
        _assertBalance(buyer, 990 ether, "the price and nothing else");
        _assertBalance(relayer, 0, "who carries it oneself owes nobody for it");
        vm.assertEq(token.allowance(buyer, address(checkout)), 0, "the allowance is used");
        vm.assertTrue(checkout.bought(checkout.purchaseId(_terms(), _order())), "it is known");
    }

    function test_transfers_then_bought() public {
        _approve(token, 10 ether);
        vm.recordLogs();
        vm.prank(buyer);
        checkout.buy(_terms(), _order());
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 5, "five logs");
        _assertTransfer(logs[0], buyer, shop, 1 ether);
        _assertTransfer(logs[1], buyer, painter, 1.8 ether);
        _assertTransfer(logs[2], buyer, editor, 0.45 ether);
        _assertTransfer(logs[3], buyer, seller, 6.75 ether);
        _assertBought(logs[4], _terms(), _order());
    }

    function test_a_seller_alone() public {
        _approve(token, 10 ether);
        vm.recordLogs();
        vm.prank(buyer);
        checkout.buy(_plain(), _order());
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "one transfer");
        _assertTransfer(logs[0], buyer, seller, 10 ether);
        _assertBought(logs[1], _plain(), _order());
    }

    function test_all_of_it_can_be_others() public {
        Checkout.Terms memory terms = _terms();
        terms.shares[0].bps = 9_500;
        _buy(terms, _order(), "");
        _assertBalance(seller, 0, "nothing is left");
        _assertBalance(painter, 8.55 ether, "95 % of nine");
        terms.shares[0].bps = 9_501;
        _buy(terms, _order(), abi.encodeWithSelector(Checkout.SharesTooHigh.selector, 10_001));
    }

    function test_what_cannot_be_divided_is_the_sellers() public {
        Checkout.Terms memory terms = _terms();
        terms.price = 19; // fee 1.9, shares of the 18 that are left 3.6 and 0.9
        _buy(terms, _order(), "");
        _assertBalance(shop, 1, "rounded down");
        _assertBalance(painter, 3, "rounded down");
        _assertBalance(editor, 0, "rounded down to nothing");
        _assertBalance(seller, 15, "the rest");
    }

    function testFuzz_all_of_the_price_is_paid(uint256 price, uint256 fee, uint256[16] memory bps, uint256 count)
        public
    {
        Checkout.Terms memory terms = _terms();
        terms.price = _within(price, 1, 1_000 ether);
        // forge-lint: disable-next-line(unsafe-typecast)
        terms.feeBps = uint16(_within(fee, 0, 1_000));
        terms.shares = new Checkout.Share[](_within(count, 0, 16));
        uint256 left = 10_000;
        for (uint256 i = 0; i < terms.shares.length; ++i) {
            uint256 part = _within(bps[i], 1, left - (terms.shares.length - i - 1));
            left -= part;
            // forge-lint: disable-next-line(unsafe-typecast)
            terms.shares[i] = Checkout.Share(address(uint160(0x1000 + i)), uint16(part));
        }
        vm.recordLogs();
        _buy(terms, _order(), "");
        _assertBought(_lastLog(), terms, _order());

        uint256 toShop = terms.price * terms.feeBps / 10_000;
        uint256 paid = toShop;
        _assertBalance(shop, toShop, "the fee");
        for (uint256 i = 0; i < terms.shares.length; ++i) {
            uint256 part = (terms.price - toShop) * terms.shares[i].bps / 10_000;
            paid += part;
            _assertBalance(terms.shares[i].payee, part, "a share of what is left");
        }
        _assertBalance(seller, terms.price - paid, "the rest");
        _assertBalance(buyer, 1_000 ether - terms.price, "the price, exactly");
        _assertBalance(address(checkout), 0, "nothing stays");
    }

    function test_one_payee_for_several_reasons() public {
        Checkout.Terms memory terms = _terms();
        terms.feeReceiver = seller;
        terms.shares[1].payee = painter;
        _buy(terms, _order(), "");
        _assertBalance(seller, 7.75 ether, "fee and rest");
        _assertBalance(painter, 2.25 ether, "both shares");
    }

    // ---------------------------------------------------------------- an id is good once

    function test_once() public {
        _buy(_terms(), _order(), "");
        bytes32 id = checkout.purchaseId(_terms(), _order());
        _buy(_terms(), _order(), abi.encodeWithSelector(Checkout.BoughtAlready.selector, id));
        Checkout.Order memory another = _order();
        another.salt = keccak256("another");
        _buy(_terms(), another, "");
        _assertBalance(buyer, 980 ether, "two purchases");
    }

    function test_paid_by_hand_a_signed_order_is_void() public {
        Signature memory sig = _sign(_terms(), _order(), BUYER_KEY);
        _buy(_terms(), _order(), "");
        bytes32 id = checkout.purchaseId(_terms(), _order());
        vm.expectRevert(abi.encodeWithSelector(Checkout.BoughtAlready.selector, id));
        _carry(_terms(), _order(), sig);
    }

    function test_whatever_differs_is_another_purchase() public {
        bytes32 id = checkout.purchaseId(_terms(), _order());
        bytes32 hash = checkout.termsHash(_terms());
        for (uint256 i = 0; i < 13; ++i) {
            Checkout.Terms memory t = _terms();
            if (i == 0) t.seller = anybody;
            if (i == 1) t.asset = anybody;
            if (i == 2) ++t.price;
            if (i == 3) ++t.feeBps;
            if (i == 4) t.feeReceiver = anybody;
            if (i == 5) t.shares[0].payee = anybody;
            if (i == 6) ++t.shares[1].bps;
            if (i == 7) t.shares = new Checkout.Share[](0);
            if (i == 8) t.listing = 0;
            if (i == 9) t.content = 0;
            if (i == 10) ++t.validUntil;
            if (i == 11) (t.shares[0], t.shares[1]) = (t.shares[1], t.shares[0]);
            if (i == 12) t.shares = new Checkout.Share[](3);
            vm.assertNotEq(checkout.termsHash(t), hash, "other terms");
            vm.assertNotEq(checkout.purchaseId(t, _order()), id, "another purchase");
        }
        for (uint256 i = 0; i < 6; ++i) {
            Checkout.Order memory o = _order();
            if (i == 0) o.buyer = anybody;
            if (i == 1) o.memo = 0;
            if (i == 2) ++o.relayFee;
            if (i == 3) o.relayReceiver = anybody;
            if (i == 4) ++o.validBefore;
            if (i == 5) o.salt = 0;
            vm.assertNotEq(checkout.purchaseId(_terms(), o), id, "another purchase");
        }
        vm.assertNotEq(new Checkout(token).purchaseId(_terms(), _order()), id, "at another checkout");
        vm.chainId(2);
        vm.assertNotEq(checkout.purchaseId(_terms(), _order()), id, "on another chain");
        vm.assertEq(checkout.termsHash(_terms()), hash, "terms are the same anywhere");
    }

    // ---------------------------------------------------------------- what is refused

    function test_the_buyer_alone() public {
        _approve(token, 10 ether);
        vm.expectRevert(abi.encodeWithSelector(Checkout.NotTheBuyer.selector, mallory));
        vm.prank(mallory);
        checkout.buy(_terms(), _order());
    }

    function test_nothing() public {
        Checkout.Terms memory terms = _terms();
        terms.price = 0;
        _buy(terms, _order(), abi.encodeWithSelector(Checkout.NothingPaid.selector));
    }

    function test_too_late_to_the_second() public {
        Checkout.Terms memory terms = _terms();
        Checkout.Order memory order = _order();
        order.validBefore = terms.validUntil + 1;
        vm.warp(terms.validUntil);
        _buy(terms, order, abi.encodeWithSelector(Checkout.TermsExpired.selector, terms.validUntil));
        vm.warp(terms.validUntil - 1);
        _buy(terms, order, "");

        order.validBefore = uint64(_now());
        _buy(terms, order, abi.encodeWithSelector(Checkout.OrderExpired.selector, order.validBefore));
        order.validBefore = uint64(_now()) + 1;
        _buy(terms, order, "");
    }

    function test_a_fee_above_the_highest() public {
        Checkout.Terms memory terms = _terms();
        terms.feeBps = 1_001;
        _buy(terms, _order(), abi.encodeWithSelector(Checkout.FeeTooHigh.selector, uint16(1_001)));
    }

    function test_too_many_and_empty_shares() public {
        Checkout.Terms memory terms = _terms();
        terms.shares = new Checkout.Share[](17);
        for (uint256 i = 0; i < 17; ++i) {
            terms.shares[i] = Checkout.Share(painter, 1);
        }
        _buy(terms, _order(), abi.encodeWithSelector(Checkout.TooManyShares.selector, 17));
        terms = _terms();
        terms.shares[1].bps = 0;
        _buy(terms, _order(), abi.encodeWithSelector(Checkout.EmptyShare.selector, editor));
    }

    function test_to_nobody_to_itself_to_the_buyer() public {
        address[3] memory bad = [address(0), address(checkout), buyer];
        for (uint256 i = 0; i < bad.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(Checkout.BadPayee.selector, bad[i]);
            Checkout.Terms memory terms = _terms();
            terms.seller = bad[i];
            _buy(terms, _order(), reason);
            terms = _terms();
            terms.feeReceiver = bad[i];
            _buy(terms, _order(), reason);
            terms = _terms();
            terms.shares[1].payee = bad[i];
            _buy(terms, _order(), reason);
        }
    }

    function test_no_token() public {
        address[2] memory none = [address(0), anybody];
        for (uint256 i = 0; i < none.length; ++i) {
            Checkout.Terms memory terms = _terms();
            terms.asset = none[i];
            _buy(terms, _order(), abi.encodeWithSelector(Checkout.NotAToken.selector, none[i]));
        }
    }

    function test_a_price_beyond_all_numbers() public {
        Checkout.Terms memory terms = _terms();
        terms.price = type(uint256).max;
        _buy(terms, _order(), abi.encodeWithSignature("Panic(uint256)", 0x11));
    }

    function test_without_enough_of_an_allowance() public {
        _approve(token, 10 ether - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(checkout), 6.75 ether - 1, 6.75 ether
            )
        );
        vm.prank(buyer);
        checkout.buy(_terms(), _order());
        _assertBalance(shop, 0, "nobody was paid");
    }

    function test_bound_to_a_token() public {
        vm.expectRevert(Checkout.ZeroToken.selector);
        new Checkout(Token(address(0)));
        vm.assertEq(address(checkout.token()), address(token), "the one it was made with");
        vm.assertEq(checkout.MAX_FEE_BPS(), 1_000, "a tenth");
        vm.assertEq(checkout.MAX_SHARES(), 16, "sixteen");
    }

    function test_strays_neither_block_nor_pay() public {
        vm.prank(treasury);
        token.transfer(address(checkout), 7 ether);
        _buy(_terms(), _order(), "");
        _assertBalance(address(checkout), 7 ether, "what is nobody's stays");
        _assertBalance(buyer, 990 ether, "the buyer paid all of it");
    }

    function test_plain_ether_is_refused() public {
        vm.deal(buyer, 1);
        vm.prank(buyer);
        (bool done,) = address(checkout).call{value: 1}("");
        vm.assertTrue(!done, "nothing is sold for ether");
    }
}
