// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../../src/Checkout.sol";
import {CheckoutTest} from "../support/CheckoutTest.sol";
import {
    BackwardToken,
    CuttingToken,
    HookedGiver,
    HookedToken,
    LyingToken,
    OldToken,
    OtherToken
} from "../support/weird/Assets.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @dev Other people's tokens: everybody got exactly their part, or nothing has happened.
contract CheckoutWeirdAssetsTest is CheckoutTest {
    function _for(address asset) private view returns (Checkout.Terms memory terms) {
        terms = _terms();
        terms.asset = asset;
        terms.price = 100;
    }

    function _try(address asset, bytes memory reason) private {
        if (reason.length > 0) vm.expectRevert(reason);
        vm.prank(buyer);
        checkout.buy(_for(asset), _order());
    }

    function _inexact(address to) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Checkout.NotPaidExactly.selector, to);
    }

    function test_any_token() public {
        OtherToken other = new OtherToken(buyer, 100);
        _approve(other, 100);
        vm.recordLogs();
        _try(address(other), "");
        _assertBought(_lastLog(), _for(address(other)), _order());
        vm.assertEq(other.balanceOf(shop), 10, "the fee");
        vm.assertEq(other.balanceOf(painter), 18, "a share");
        vm.assertEq(other.balanceOf(editor), 4, "a share");
        vm.assertEq(other.balanceOf(seller), 68, "the rest");
    }

    function test_a_cut_undoes_it() public {
        CuttingToken cutting = new CuttingToken(buyer, 200);
        _approve(cutting, 200);
        _try(address(cutting), _inexact(shop));
        vm.assertEq(cutting.balanceOf(shop), 0, "nothing has happened");
    }

    function test_a_yes_that_moves_nothing_or_too_much() public {
        LyingToken lying = new LyingToken(buyer, 1_000);
        _try(address(lying), _inexact(shop));
        lying.move(11);
        _try(address(lying), _inexact(shop));
        lying.move(10);
        _try(address(lying), _inexact(painter));
    }

    function test_a_balance_that_shrinks() public {
        BackwardToken backward = new BackwardToken(shop, 100);
        _try(address(backward), _inexact(shop));
    }

    function test_old_tokens_that_answer_nothing_or_no() public {
        OldToken old = new OldToken(buyer, 100);
        _try(address(old), "");
        vm.assertEq(old.balanceOf(seller), 68, "it is read as a yes");
        old.refuse(true);
        Checkout.Order memory another = _order();
        another.salt = 0;
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(old)));
        vm.prank(buyer);
        checkout.buy(_for(address(old)), another);
    }

    function _hooked(HookedGiver hooked) private view returns (Checkout.Order memory order) {
        order = _order();
        order.buyer = address(hooked);
    }

    function test_a_hook_can_neither_buy_nor_refund_meanwhile() public {
        HookedGiver hooked = new HookedGiver();
        HookedToken asset = new HookedToken(address(hooked), 1_000);
        Checkout.Order memory inner = _hooked(hooked);
        inner.salt = 0;
        bytes[2] memory tries = [
            abi.encodeCall(checkout.buy, (_for(address(asset)), inner)),
            abi.encodeCall(checkout.refund, (bytes32(0), seller, asset, 1))
        ];
        for (uint256 i = 0; i < tries.length; ++i) {
            Checkout.Order memory order = _hooked(hooked);
            order.salt = keccak256(abi.encode(i));
            hooked.arm(address(checkout), tries[i]);
            hooked.act(address(checkout), abi.encodeCall(checkout.buy, (_for(address(asset)), order)));
            vm.assertEq(hooked.succeeded(), false, "it could not");
            vm.assertEq(
                hooked.answer(),
                abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
                "because it buys already"
            );
        }
        vm.assertEq(asset.balanceOf(seller), 136, "two purchases");
    }

    /// @dev What comes meanwhile would else pass for a part that the token kept.
    function test_what_comes_meanwhile_by_another_way_undoes_it() public {
        HookedGiver hooked = new HookedGiver();
        HookedToken asset = new HookedToken(address(hooked), 1_000);
        hooked.arm(address(asset), abi.encodeCall(asset.transfer, (shop, 1)));
        vm.expectRevert(_inexact(shop));
        hooked.act(address(checkout), abi.encodeCall(checkout.buy, (_for(address(asset)), _hooked(hooked))));
    }

    function test_strays_of_another_token_pay_for_nothing() public {
        OtherToken other = new OtherToken(address(checkout), 100);
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientAllowance.selector);
        vm.prank(buyer);
        checkout.buy(_for(address(other)), _order());
        vm.assertEq(other.balanceOf(address(checkout)), 100, "they stay");
    }
}
