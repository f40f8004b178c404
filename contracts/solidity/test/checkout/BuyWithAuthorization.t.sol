// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../../src/Checkout.sol";
import {CheckoutTest} from "../support/CheckoutTest.sol";
import {OtherToken} from "../support/weird/Assets.sol";
import {Vm} from "../support/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @dev buyWithAuthorization: anybody carries what the buyer signed, and is paid for it.
contract BuyWithAuthorizationTest is CheckoutTest {
    function _expect(Checkout.Terms memory t, Checkout.Order memory o, Signature memory sig, bytes memory why) private {
        vm.expectRevert(why);
        _carry(t, o, sig);
    }

    function _expectInvalid(Checkout.Terms memory t, Checkout.Order memory o, Signature memory sig) private {
        _expect(t, o, sig, abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector));
    }

    function test_buyer_without_ether_or_allowance() public {
        vm.assertEq(buyer.balance, 0, "the buyer has no ether");
        _carry(_terms(), _order(), _sign(_terms(), _order(), BUYER_KEY));
        _assertAllPaid();
        _assertBalance(buyer, 1_000 ether - 10.25 ether, "price and relay fee are paid");
        _assertBalance(relayer, 0.25 ether, "the receiver that was signed has the relay fee");
        _assertBalance(anybody, 0, "whoever carries has nothing");
    }

    function test_transfers_then_bought() public {
        Signature memory sig = _sign(_terms(), _order(), BUYER_KEY);
        vm.recordLogs();
        _carry(_terms(), _order(), sig);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 8, "eight logs");
        vm.assertEq(logs[0].topics[0], keccak256("AuthorizationUsed(address,bytes32)"), "the authorization is used");
        vm.assertEq(logs[0].topics[2], checkout.purchaseId(_terms(), _order()), "its nonce is the id");
        _assertTransfer(logs[1], buyer, address(checkout), 10.25 ether);
        _assertTransfer(logs[2], address(checkout), shop, 1 ether);
        _assertTransfer(logs[3], address(checkout), painter, 1.8 ether);
        _assertTransfer(logs[4], address(checkout), editor, 0.45 ether);
        _assertTransfer(logs[5], address(checkout), seller, 6.75 ether);
        _assertTransfer(logs[6], address(checkout), relayer, 0.25 ether);
        _assertBought(logs[7], _terms(), _order());
    }

    function test_no_transfer_without_a_relay_fee() public {
        Checkout.Order memory order = _order();
        (order.relayFee, order.relayReceiver) = (0, address(0));
        Signature memory sig = _sign(_plain(), order, BUYER_KEY);
        vm.recordLogs();
        _carry(_plain(), order, sig);
        vm.assertEq(vm.getRecordedLogs().length, 4, "used, in, out, bought");
    }

    function testFuzz_price_and_relay_fee(uint256 price, uint256 fee) public {
        Checkout.Terms memory terms = _terms();
        Checkout.Order memory order = _order();
        terms.price = _within(price, 1, 900 ether);
        order.relayFee = _within(fee, 0, 100 ether);
        vm.recordLogs();
        _carry(terms, order, _sign(terms, order, BUYER_KEY));
        _assertBought(_lastLog(), terms, order);
        _assertBalance(buyer, 1_000 ether - terms.price - order.relayFee, "exactly that");
        _assertBalance(relayer, order.relayFee, "exactly that");
        uint256 sum = token.balanceOf(seller) + token.balanceOf(painter) + token.balanceOf(editor);
        vm.assertEq(sum + token.balanceOf(shop), terms.price, "all of the price");
        _assertBalance(address(checkout), 0, "nothing stays");
    }

    function test_no_term_can_be_changed_on_the_way() public {
        Signature memory sig = _sign(_terms(), _order(), BUYER_KEY);
        for (uint256 i = 0; i < 10; ++i) {
            Checkout.Terms memory t = _terms();
            if (i == 0) t.seller = mallory;
            if (i == 1) t.price -= 1;
            if (i == 2) t.feeBps = 0;
            if (i == 3) t.feeReceiver = mallory;
            if (i == 4) t.shares[0].payee = mallory;
            if (i == 5) t.shares[0].bps += 1;
            if (i == 6) t.listing = 0;
            if (i == 7) t.content = 0;
            if (i == 8) ++t.validUntil;
            if (i == 9) t.shares = new Checkout.Share[](0);
            _expectInvalid(t, _order(), sig);
        }
        for (uint256 i = 0; i < 5; ++i) {
            Checkout.Order memory o = _order();
            if (i == 0) o.memo = keccak256("for me");
            if (i == 1) o.relayFee += 1;
            if (i == 2) o.relayReceiver = mallory;
            if (i == 3) ++o.validBefore;
            if (i == 4) o.salt = 0;
            _expectInvalid(_terms(), o, sig);
        }
    }

    function test_signed_by_somebody_else() public {
        _expectInvalid(_terms(), _order(), _sign(_terms(), _order(), MALLORY_KEY));
    }

    function test_once() public {
        Signature memory sig = _sign(_terms(), _order(), BUYER_KEY);
        _carry(_terms(), _order(), sig);
        bytes32 id = checkout.purchaseId(_terms(), _order());
        _expect(_terms(), _order(), sig, abi.encodeWithSelector(Checkout.BoughtAlready.selector, id));
    }

    function test_nor_can_it_be_fetched_past_the_checkout() public {
        Checkout.Order memory o = _order();
        Signature memory sig = _sign(_terms(), o, BUYER_KEY);
        bytes32 id = checkout.purchaseId(_terms(), o);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(checkout)));
        vm.prank(mallory);
        token.receiveWithAuthorization(buyer, address(checkout), 10.25 ether, 0, o.validBefore, id, sig.v, sig.r, sig.s);
    }

    function test_after_its_time() public {
        Checkout.Terms memory terms = _terms();
        Checkout.Order memory order = _order();
        Signature memory sig = _sign(terms, order, BUYER_KEY);
        vm.warp(order.validBefore);
        _expect(terms, order, sig, abi.encodeWithSelector(Checkout.OrderExpired.selector, order.validBefore));
        vm.warp(order.validBefore - 1);
        _carry(terms, order, sig);
    }

    function test_one_token_alone() public {
        Checkout.Terms memory terms = _terms();
        terms.asset = address(new OtherToken(buyer, 100 ether));
        Signature memory sig = _sign(terms, _order(), BUYER_KEY);
        _expect(terms, _order(), sig, abi.encodeWithSelector(Checkout.NotTheToken.selector, terms.asset));
    }

    function test_a_relay_fee_for_nobody() public {
        address[2] memory bad = [address(0), address(checkout)];
        for (uint256 i = 0; i < bad.length; ++i) {
            Checkout.Order memory order = _order();
            order.relayReceiver = bad[i];
            Signature memory sig = _sign(_terms(), order, BUYER_KEY);
            _expect(_terms(), order, sig, abi.encodeWithSelector(Checkout.BadRelayReceiver.selector, bad[i]));
        }
    }

    function test_sums_beyond_all_numbers() public {
        Checkout.Order memory order = _order();
        order.relayFee = type(uint256).max;
        Signature memory sig = _sign(_terms(), order, BUYER_KEY);
        _expect(_terms(), order, sig, abi.encodeWithSignature("Panic(uint256)", 0x11));
    }

    function test_without_enough() public {
        Checkout.Terms memory terms = _terms();
        terms.price = 1_000 ether;
        _expect(
            terms,
            _order(),
            _sign(terms, _order(), BUYER_KEY),
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, buyer, 1_000 ether, 1_000.25 ether)
        );
    }
}
