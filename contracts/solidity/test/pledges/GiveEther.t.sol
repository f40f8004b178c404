// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pledges} from "../../src/Pledges.sol";
import {PledgesTest} from "../support/PledgesTest.sol";
import {GreedyCause, RefusingCause} from "../support/weird/Causes.sol";
import {Vm} from "../support/Test.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @dev giveEther: what is sent along, passed on.
contract GiveEtherTest is PledgesTest {
    function setUp() public override {
        super.setUp();
        vm.deal(giver, 10 ether);
    }

    function _send(address to, uint256 value, bytes memory reason) private {
        if (reason.length > 0) vm.expectRevert(reason);
        vm.prank(giver);
        pledges.giveEther{value: value}(to, 0, MEMO);
    }

    function test_passed_on() public {
        vm.recordLogs();
        _send(cause, 3 ether, "");
        vm.assertEq(cause.balance, 3 ether, "the cause has it");
        vm.assertEq(address(pledges).balance, 0, "nothing stays");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "one log");
        _assertGiven(logs[0], giver, address(0), 3 ether, 0);
    }

    function testFuzz_amount_and_months(uint256 amount, uint256 months) public {
        amount = _within(amount, 1, 10 ether);
        months = _within(months, 0, 120);
        vm.recordLogs();
        vm.prank(giver);
        // forge-lint: disable-next-line(unsafe-typecast)
        pledges.giveEther{value: amount}(cause, uint16(months), MEMO);
        // forge-lint: disable-next-line(unsafe-typecast)
        _assertGiven(_lastLog(), giver, address(0), amount, uint16(months));
        vm.assertEq(cause.balance, amount, "exactly that");
    }

    function test_nothing() public {
        _send(cause, 0, abi.encodeWithSelector(Pledges.NothingGiven.selector));
    }

    function test_to_nobody_to_itself_to_oneself() public {
        address[3] memory bad = [address(0), address(pledges), giver];
        for (uint256 i = 0; i < bad.length; ++i) {
            _send(bad[i], 1, abi.encodeWithSelector(Pledges.BadCause.selector, bad[i]));
        }
    }

    function test_one_month_too_many() public {
        vm.expectRevert(abi.encodeWithSelector(Pledges.TooManyMonths.selector, uint16(121)));
        vm.prank(giver);
        pledges.giveEther{value: 1}(cause, 121, MEMO);
    }

    function test_a_cause_that_refuses_undoes_it() public {
        address refusing = address(new RefusingCause());
        _send(refusing, 1 ether, abi.encodeWithSelector(Pledges.EtherRefused.selector, refusing));
        vm.assertEq(giver.balance, 10 ether, "the giver has it still");
    }

    /// @dev Ether that arrives could be given again at once, as often as there is gas, and be counted each time.
    function test_a_cause_cannot_give_meanwhile() public {
        GreedyCause greedy = new GreedyCause();
        greedy.arm(address(pledges), abi.encodeCall(pledges.giveEther, (anybody, 0, MEMO)));
        vm.prank(giver);
        pledges.giveEther{value: 1 ether}(address(greedy), 0, MEMO);
        vm.assertEq(greedy.succeeded(), false, "it could not");
        vm.assertEq(
            greedy.answer(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "because somebody is giving"
        );
        vm.assertEq(address(greedy).balance, 1 ether, "it has what it was given");
    }

    function test_plain_ether_is_refused() public {
        vm.prank(giver);
        (bool done,) = address(pledges).call{value: 1}("");
        vm.assertTrue(!done, "it says to whom, or it does not come in");
    }
}
