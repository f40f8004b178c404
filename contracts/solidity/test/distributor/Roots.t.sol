// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RewardDistributor} from "../../src/RewardDistributor.sol";
import {Token} from "../../src/Token.sol";
import {DistributorTest} from "../support/DistributorTest.sol";
import {Vm} from "../support/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev propose, cancel, accept, joinEarlier: how a root comes to count, and how it does not.
contract RootsTest is DistributorTest {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant NEXT = keccak256("next");

    function _expectPropose(bytes memory reason, address by, uint64 epoch, bytes32 root, uint256 budget) private {
        vm.expectRevert(reason);
        vm.prank(by);
        distributor.propose(epoch, root, budget, false);
    }

    // ---------------------------------------------------------------- made

    function test_bound_for_ever() public view {
        vm.assertEq(address(distributor.token()), address(token), "token");
        vm.assertEq(distributor.treasury(), treasury, "treasury");
        vm.assertEq(distributor.proposer(), proposer, "proposer");
        vm.assertEq(distributor.guardian(), guardian, "guardian");
        vm.assertEq(distributor.maxBudget(), MAX_BUDGET, "the most an epoch can cost");
        vm.assertEq(distributor.DISPUTE_WINDOW(), 3 days, "three days");
        vm.assertEq(distributor.EARLIER_COUNTS(), 180 days, "half a year");
    }

    function test_nobody_in_a_role() public {
        bytes4 reason = RewardDistributor.ZeroAddress.selector;
        vm.expectRevert(reason);
        new RewardDistributor(Token(address(0)), treasury, proposer, guardian, 1);
        vm.expectRevert(reason);
        new RewardDistributor(token, address(0), proposer, guardian, 1);
        vm.expectRevert(reason);
        new RewardDistributor(token, treasury, address(0), guardian, 1);
        vm.expectRevert(reason);
        new RewardDistributor(token, treasury, proposer, address(0), 1);
        vm.expectRevert(RewardDistributor.ZeroBudget.selector);
        new RewardDistributor(token, treasury, proposer, guardian, 0);
    }

    // ---------------------------------------------------------------- proposed

    function test_proposed() public {
        vm.recordLogs();
        _propose(ROOT, 7 ether, true);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "one log");
        vm.assertEq(logs[0].topics[0], RewardDistributor.RootProposed.selector, "which event");
        vm.assertEq(uint256(logs[0].topics[1]), 1, "epoch");
        vm.assertEq(logs[0].topics[2], ROOT, "root");
        vm.assertEq(logs[0].data, abi.encode(7 ether, _now() + 72 hours, true), "budget, from when, in whose place");
        (bytes32 root, uint256 budget, uint64 countsFrom, bool replaces) = distributor.proposal();
        vm.assertEq(root, ROOT, "it waits");
        vm.assertEq(budget, 7 ether, "with its budget");
        vm.assertEq(countsFrom, _now() + 72 hours, "three days");
        vm.assertTrue(replaces, "as it was said");
        vm.assertEq(distributor.root(), 0, "it does not count");
        _assertBalance(address(distributor), 0, "nothing is paid for it");
    }

    function test_by_the_proposer_alone() public {
        address[3] memory others = [guardian, treasury, anybody];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(RewardDistributor.NotTheProposer.selector, others[i]);
            _expectPropose(reason, others[i], 1, ROOT, 1);
        }
    }

    function test_one_at_a_time() public {
        _propose(ROOT, 1, false);
        _expectPropose(abi.encodeWithSelector(RewardDistributor.RootWaiting.selector, ROOT), proposer, 1, NEXT, 1);
    }

    function test_epochs_one_after_another() public {
        uint64[3] memory wrong = [uint64(0), 2, type(uint64).max];
        for (uint256 i = 0; i < wrong.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(RewardDistributor.WrongEpoch.selector, wrong[i]);
            _expectPropose(reason, proposer, wrong[i], ROOT, 1);
        }
        _counts(ROOT, 1, false);
        _expectPropose(abi.encodeWithSelector(RewardDistributor.WrongEpoch.selector, 1), proposer, 1, NEXT, 1);
    }

    function test_no_root_or_one_that_counts() public {
        _counts(ROOT, 1, false);
        _counts(NEXT, 1, false);
        bytes32[3] memory bad = [bytes32(0), ROOT, NEXT];
        for (uint256 i = 0; i < bad.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(RewardDistributor.BadRoot.selector, bad[i]);
            _expectPropose(reason, proposer, 3, bad[i], 1);
        }
    }

    function test_budget_from_one_to_the_most() public {
        uint256[3] memory bad = [uint256(0), MAX_BUDGET + 1, type(uint256).max];
        for (uint256 i = 0; i < bad.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(RewardDistributor.BadBudget.selector, bad[i]);
            _expectPropose(reason, proposer, 1, ROOT, bad[i]);
        }
        _counts(ROOT, MAX_BUDGET, false);
        _counts(NEXT, 1, false);
        _assertBalance(address(distributor), MAX_BUDGET + 1, "the most, and the least");
    }

    // ---------------------------------------------------------------- cancelled

    function test_cancelled_by_the_guardian_or_the_proposer() public {
        address[2] memory both = [guardian, proposer];
        for (uint256 i = 0; i < both.length; ++i) {
            _propose(ROOT, 1, false);
            vm.recordLogs();
            vm.prank(both[i]);
            distributor.cancel(ROOT);
            Vm.Log[] memory logs = vm.getRecordedLogs();
            vm.assertEq(logs.length, 1, "one log");
            vm.assertEq(logs[0].topics[0], RewardDistributor.RootCancelled.selector, "which event");
            vm.assertEq(uint256(logs[0].topics[1]), 1, "epoch");
            vm.assertEq(logs[0].topics[2], ROOT, "root");
            vm.warp(_now() + 365 days);
            vm.expectRevert(RewardDistributor.NoRootWaiting.selector);
            distributor.accept(ROOT);
        }
        _counts(ROOT, 1, false);
        vm.assertEq(distributor.epoch(), 1, "a number that was cancelled is free");
    }

    function test_cancelled_by_nobody_else() public {
        _propose(ROOT, 1, false);
        address[2] memory others = [treasury, anybody];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(RewardDistributor.NotGuardianOrProposer.selector, others[i]));
            vm.prank(others[i]);
            distributor.cancel(ROOT);
        }
    }

    function test_cancelled_even_late_but_not_once_it_counts() public {
        _propose(ROOT, 1, false);
        vm.warp(_now() + 365 days);
        vm.prank(guardian);
        distributor.cancel(ROOT);
        _counts(ROOT, 1, false);
        vm.expectRevert(RewardDistributor.NoRootWaiting.selector);
        vm.prank(guardian);
        distributor.cancel(ROOT);
        vm.assertEq(distributor.root(), ROOT, "what counts is beyond the guardian");
    }

    function test_no_other_is_hit() public {
        _propose(ROOT, 1, false);
        bytes memory reason = abi.encodeWithSelector(RewardDistributor.NotTheRootWaiting.selector, NEXT);
        vm.expectRevert(reason);
        vm.prank(guardian);
        distributor.cancel(NEXT);
        vm.warp(_now() + 72 hours);
        vm.expectRevert(reason);
        distributor.accept(NEXT);
    }

    // ---------------------------------------------------------------- accepted

    function test_last_second_of_the_dispute() public {
        _propose(ROOT, 7 ether, false);
        uint256 countsFrom = _now() + 72 hours;
        vm.warp(countsFrom - 1);
        vm.expectRevert(abi.encodeWithSelector(RewardDistributor.StillDisputable.selector, countsFrom));
        distributor.accept(ROOT);
        vm.warp(countsFrom);
        vm.recordLogs();
        vm.prank(anybody);
        distributor.accept(ROOT);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "two logs");
        _assertTransfer(logs[0], treasury, address(distributor), 7 ether);
        vm.assertEq(logs[1].topics[0], RewardDistributor.RootAccepted.selector, "which event");
        vm.assertEq(uint256(logs[1].topics[1]), 1, "epoch");
        vm.assertEq(logs[1].topics[2], ROOT, "root");
        vm.assertEq(logs[1].data, abi.encode(7 ether), "budget");
        vm.assertEq(distributor.root(), ROOT, "it counts");
        vm.assertEq(distributor.left(), 7 ether, "with all its budget");
        vm.assertEq(distributor.countsSince(), _now(), "from now on");
    }

    function test_counts_once() public {
        _counts(ROOT, 1, false);
        vm.expectRevert(RewardDistributor.NoRootWaiting.selector);
        distributor.accept(ROOT);
    }

    function test_not_without_the_treasurys_money() public {
        vm.prank(treasury);
        token.approve(address(distributor), 5);
        _propose(ROOT, 6, false);
        vm.warp(_now() + 72 hours);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(distributor), 5, 6)
        );
        distributor.accept(ROOT);
        vm.prank(treasury);
        token.approve(address(distributor), 6);
        distributor.accept(ROOT);
        vm.assertEq(distributor.root(), ROOT, "as soon as it is there");
    }

    function test_the_root_that_counted_is_the_one_before() public {
        _counts(ROOT, 5, false);
        _counts(NEXT, 7, false);
        vm.assertEq(distributor.earlierRoot(), ROOT, "still good for what is due from before");
        vm.assertEq(distributor.earlierLeft(), 5, "out of what is left");
        vm.assertEq(distributor.left(), 7, "beside its own budget");
        _counts(keccak256("third"), 11, false);
        vm.assertEq(distributor.earlierRoot(), NEXT, "one before, not two");
        vm.assertEq(distributor.earlierLeft(), 12, "all that is left");
    }

    function test_a_wrong_root_is_passed_over() public {
        _counts(ROOT, 5, false);
        _counts(NEXT, 7, false);
        _counts(keccak256("right"), 11, true);
        vm.assertEq(distributor.root(), keccak256("right"), "the new one counts");
        vm.assertEq(distributor.earlierRoot(), ROOT, "and the one before stays the one before");
        vm.assertEq(distributor.earlierLeft(), 12, "what is left is there");
    }

    // ---------------------------------------------------------------- joined

    function test_joined_after_half_a_year() public {
        _counts(ROOT, 5, false);
        _counts(NEXT, 7, false);
        uint256 from = _now() + 180 days;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(RewardDistributor.TooSoonToJoin.selector, from));
        distributor.joinEarlier();
        vm.warp(from);
        vm.recordLogs();
        vm.prank(anybody);
        distributor.joinEarlier();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "one log");
        vm.assertEq(logs[0].topics[0], RewardDistributor.EarlierJoined.selector, "which event");
        vm.assertEq(uint256(logs[0].topics[1]), 2, "epoch");
        vm.assertEq(logs[0].topics[2], NEXT, "root");
        vm.assertEq(logs[0].data, abi.encode(5), "how much");
        vm.assertEq(distributor.left(), 12, "all of it is the newest root's");
        vm.assertEq(distributor.earlierLeft(), 0, "and no other's");
        vm.assertEq(distributor.earlierRoot(), 0, "there is no root before");
    }

    function test_nothing_to_join_before_the_first() public {
        vm.warp(_now() + 365 days);
        vm.expectRevert(abi.encodeWithSelector(RewardDistributor.RootDoesNotCount.selector, bytes32(0)));
        distributor.joinEarlier();
    }
}
