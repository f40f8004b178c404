// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pledges} from "../../src/Pledges.sol";
import {PledgesTest} from "../support/PledgesTest.sol";
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
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @dev Other people's tokens: `Given` tells what arrived, and never more than was asked for.
contract WeirdAssetsTest is PledgesTest {
    function _giveOf(IERC20 asset, uint256 amount) private {
        vm.prank(giver);
        pledges.give(cause, asset, amount, 0, MEMO);
    }

    function _approved(OtherToken asset) private {
        vm.prank(giver);
        asset.approve(address(pledges), type(uint256).max);
    }

    function test_any_token() public {
        OtherToken other = new OtherToken(giver, 100);
        _approved(other);
        vm.recordLogs();
        _giveOf(other, 100);
        _assertGiven(_lastLog(), giver, address(other), 100, 0);
        vm.assertEq(other.balanceOf(cause), 100, "it arrived");
    }

    function test_a_cut_is_not_counted() public {
        CuttingToken cutting = new CuttingToken(giver, 100);
        _approved(cutting);
        vm.recordLogs();
        _giveOf(cutting, 100);
        _assertGiven(_lastLog(), giver, address(cutting), 90, 0);
        vm.assertEq(cutting.balanceOf(address(pledges)), 0, "nothing stays");
    }

    function test_a_yes_that_moves_nothing() public {
        LyingToken lying = new LyingToken(giver, 100);
        vm.expectRevert(abi.encodeWithSelector(Pledges.NothingArrived.selector, address(lying)));
        _giveOf(lying, 100);
    }

    function test_more_than_asked_for_is_not_counted() public {
        LyingToken lying = new LyingToken(giver, 100);
        lying.move(70);
        vm.recordLogs();
        _giveOf(lying, 50);
        _assertGiven(_lastLog(), giver, address(lying), 50, 0);
    }

    function test_a_balance_that_shrinks() public {
        BackwardToken backward = new BackwardToken(cause, 100);
        vm.expectRevert(abi.encodeWithSelector(Pledges.NothingArrived.selector, address(backward)));
        _giveOf(backward, 100);
    }

    function test_old_tokens_that_answer_nothing_or_no() public {
        OldToken old = new OldToken(giver, 100);
        vm.recordLogs();
        _giveOf(IERC20(address(old)), 100);
        _assertGiven(_lastLog(), giver, address(old), 100, 0);
        old.refuse(true);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(old)));
        _giveOf(IERC20(address(old)), 1);
    }

    /// @dev What is given within a gift would be counted twice: by itself, and as what arrived of the outer one.
    function test_a_hook_cannot_give_meanwhile() public {
        HookedGiver hooked = new HookedGiver();
        HookedToken asset = new HookedToken(address(hooked), 100);
        bytes memory inner = abi.encodeCall(pledges.give, (cause, asset, 40, 0, MEMO));
        hooked.arm(address(pledges), inner);
        vm.recordLogs();
        hooked.act(address(pledges), abi.encodeCall(pledges.give, (cause, asset, 60, 0, MEMO)));
        vm.assertEq(hooked.succeeded(), false, "it could not");
        vm.assertEq(
            hooked.answer(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "because it gives already"
        );
        _assertGiven(_lastLog(), address(hooked), address(asset), 60, 0);
        vm.assertEq(asset.balanceOf(cause), 60, "what is told is what arrived");
    }

    function test_what_comes_meanwhile_by_another_way_is_not_counted() public {
        HookedGiver hooked = new HookedGiver();
        HookedToken asset = new HookedToken(address(hooked), 100);
        hooked.arm(address(asset), abi.encodeCall(asset.transfer, (cause, 40)));
        vm.recordLogs();
        hooked.act(address(pledges), abi.encodeCall(pledges.give, (cause, asset, 60, 0, MEMO)));
        vm.assertEq(hooked.succeeded(), true, "a transfer of its own is its own affair");
        _assertGiven(_lastLog(), address(hooked), address(asset), 60, 0);
        vm.assertEq(asset.balanceOf(cause), 100, "both arrived");
    }
}
