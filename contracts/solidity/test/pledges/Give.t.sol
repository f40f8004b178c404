// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pledges} from "../../src/Pledges.sol";
import {Token} from "../../src/Token.sol";
import {PledgesTest} from "../support/PledgesTest.sol";
import {Vm} from "../support/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev give: tokens, by an allowance.
contract GiveTest is PledgesTest {
    function test_straight_to_the_cause() public {
        _give(5 ether, 0);
        _assertBalance(cause, 5 ether, "the cause has it");
        _assertBalance(giver, 995 ether, "the giver has not");
        _assertBalance(address(pledges), 0, "nothing stays");
        vm.assertEq(token.allowance(giver, address(pledges)), 0, "the allowance is used");
    }

    function test_transfer_then_given() public {
        vm.prank(giver);
        token.approve(address(pledges), 5 ether);
        vm.recordLogs();
        vm.prank(giver);
        pledges.give(cause, token, 5 ether, 12, MEMO);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "two logs");
        _assertTransfer(logs[0], giver, cause, 5 ether);
        _assertGiven(logs[1], giver, address(token), 5 ether, 12);
    }

    function testFuzz_amount_and_months(uint256 amount, uint256 months) public {
        amount = _within(amount, 1, 1_000 ether);
        months = _within(months, 0, 120);
        vm.recordLogs();
        // forge-lint: disable-next-line(unsafe-typecast)
        _give(amount, uint16(months));
        // forge-lint: disable-next-line(unsafe-typecast)
        _assertGiven(_lastLog(), giver, address(token), amount, uint16(months));
        _assertBalance(cause, amount, "exactly that");
        _assertBalance(address(pledges), 0, "nothing stays");
    }

    function test_nothing() public {
        vm.expectRevert(Pledges.NothingGiven.selector);
        vm.prank(giver);
        pledges.give(cause, token, 0, 0, MEMO);
    }

    function test_one_month_too_many() public {
        vm.expectRevert(abi.encodeWithSelector(Pledges.TooManyMonths.selector, uint16(121)));
        vm.prank(giver);
        pledges.give(cause, token, 1, 121, MEMO);
    }

    function test_to_nobody_to_itself_to_oneself() public {
        address[3] memory bad = [address(0), address(pledges), giver];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Pledges.BadCause.selector, bad[i]));
            vm.prank(giver);
            pledges.give(bad[i], token, 1, 0, MEMO);
        }
    }

    function test_no_token() public {
        address[2] memory none = [address(0), anybody];
        for (uint256 i = 0; i < none.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Pledges.NotAToken.selector, none[i]));
            vm.prank(giver);
            pledges.give(cause, IERC20(none[i]), 1, 0, MEMO);
        }
    }

    function test_without_an_allowance() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(pledges), 0, 1)
        );
        vm.prank(giver);
        pledges.give(cause, token, 1, 0, MEMO);
    }

    function test_an_allowance_is_its_owners_alone() public {
        vm.prank(giver);
        token.approve(address(pledges), 5 ether);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(pledges), 0, 5 ether)
        );
        vm.prank(mallory);
        pledges.give(cause, token, 5 ether, 0, MEMO);
    }

    function test_bound_to_a_token() public {
        vm.expectRevert(Pledges.ZeroToken.selector);
        new Pledges(Token(address(0)));
        vm.assertEq(address(pledges.token()), address(token), "the one it was made with");
        vm.assertEq(pledges.MAX_MONTHS(), 120, "ten years");
    }

    function test_strays_neither_block_nor_pay() public {
        vm.prank(treasury);
        token.transfer(address(pledges), 7 ether);
        _give(5 ether, 0);
        _carry(_gift(), _sign(_gift(), GIVER_KEY));
        _assertBalance(address(pledges), 7 ether, "what is nobody's stays");
        _assertBalance(cause, 10 ether, "the cause has what was given");
    }
}
