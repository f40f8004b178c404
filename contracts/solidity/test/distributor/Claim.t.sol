// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RewardDistributor} from "../../src/RewardDistributor.sol";
import {DistributorTest} from "../support/DistributorTest.sol";
import {Trees} from "../support/Trees.sol";
import {Vm} from "../support/Test.sol";

/// @dev claim: what is due, to whom it is due, once.
contract ClaimTest is DistributorTest {
    function _nothingDue(uint256 who, uint256 cumulative) private view returns (bytes memory) {
        return abi.encodeWithSelector(RewardDistributor.NothingDue.selector, payees[who], cumulative);
    }

    function _short(uint256 amount, uint256 available) private pure returns (bytes memory) {
        return abi.encodeWithSelector(RewardDistributor.NotEnoughLeft.selector, amount, available);
    }

    function _notOnTheList(uint256 who, uint256 cumulative) private view returns (bytes memory) {
        return abi.encodeWithSelector(RewardDistributor.NotOnTheList.selector, payees[who], cumulative);
    }

    function _doesNotCount(bytes32 root) private pure returns (bytes memory) {
        return abi.encodeWithSelector(RewardDistributor.RootDoesNotCount.selector, root);
    }

    // ---------------------------------------------------------------- paid

    function test_anybody_carries_the_payee_is_paid() public {
        bytes32[] memory list = _leaves(5 ether, 2 ether, 3 ether);
        _counts(list, 10 ether);
        vm.recordLogs();
        _claim(1, 2 ether, list);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "two logs");
        vm.assertEq(logs[0].topics[0], RewardDistributor.Claimed.selector, "first what for");
        vm.assertEq(address(uint160(uint256(logs[0].topics[1]))), payees[1], "payee");
        vm.assertEq(logs[0].topics[2], Trees.root(list), "root");
        vm.assertEq(logs[0].data, abi.encode(2 ether, 2 ether), "how much, and in all");
        _assertTransfer(logs[1], address(distributor), payees[1], 2 ether);
        _assertBalance(payees[1], 2 ether, "the payee has it");
        _assertBalance(anybody, 0, "whoever carries has nothing");
        vm.assertEq(payees[1].balance, 0, "the payee has no ether");
        vm.assertEq(distributor.left(), 8 ether, "so much is left");
    }

    function test_once() public {
        bytes32[] memory list = _leaves(5, 2, 3);
        _counts(list, 10);
        _claim(0, 5, list);
        _claimExpecting(_nothingDue(0, 5), 0, 5, list);
    }

    function test_everybody_until_nothing_is_left() public {
        bytes32[] memory list = _leaves(5, 2, 3);
        _counts(list, 10);
        _claim(0, 5, list);
        _claim(1, 2, list);
        _claim(2, 3, list);
        vm.assertEq(distributor.left(), 0, "it comes out even");
        _assertBalance(address(distributor), 0, "to the last unit");
    }

    function test_next_epoch_pays_the_difference() public {
        bytes32[] memory list = _leaves(5, 2, 3);
        _counts(list, 10);
        _claim(0, 5, list);
        bytes32[] memory next = _leaves(9, 2, 4);
        _counts(next, 5);
        _claim(0, 9, next);
        _assertBalance(payees[0], 9, "both");
        _claimExpecting(_nothingDue(0, 5), 0, 5, list);
    }

    function test_unclaimed_stays_claimable() public {
        bytes32[] memory list = _leaves(5, 2, 3);
        _counts(list, 10);
        bytes32[] memory next = _leaves(9, 2, 4);
        _counts(next, 5);
        vm.warp(_now() + 3650 days);
        for (uint256 i = 0; i < 3; ++i) {
            uint256[3] memory before = [uint256(5), 2, 3];
            _claim(i, before[i], list);
        }
        _claim(0, 9, next);
        _claim(2, 4, next);
        _assertBalance(address(distributor), 0, "all of it, after ten years");
    }

    function test_the_old_root_counts_while_the_new_one_waits() public {
        bytes32[] memory list = _leaves(5, 2, 3);
        _counts(list, 10);
        bytes32[] memory next = _leaves(9, 2, 4);
        _propose(Trees.root(next), 5, false);
        _claimExpecting(_doesNotCount(Trees.root(next)), 0, 9, next);
        _claim(0, 5, list);
        _assertBalance(payees[0], 5, "by the old one");
    }

    function test_strays_neither_block_nor_pay() public {
        vm.prank(treasury);
        token.transfer(address(distributor), 7);
        bytes32[] memory list = _leaves(5, 2, 4);
        _counts(list, 10);
        _claim(0, 5, list);
        _claim(1, 2, list);
        _claimExpecting(_short(4, 3), 2, 4, list);
        _assertBalance(address(distributor), 10, "what is nobody's stays");
    }

    function testFuzz_sums_that_rise(uint256 a, uint256 b, uint256 c, uint256 late) public {
        a = _within(a, 0, 300 ether);
        b = _within(b, 0, 300 ether);
        c = _within(c, 1, 300 ether);
        bytes32[] memory list = _leaves(a, b, c);
        _counts(list, a + b + c);
        if (late % 2 == 0 && a > 0) _claim(0, a, list);
        bytes32[] memory next = _leaves(2 * a, 2 * b, 2 * c);
        _counts(next, a + b + c);
        if (late % 2 == 1 && a > 0) _claim(0, a, list);
        if (b > 0) _claim(1, b, list);
        _claim(2, c, list);
        vm.assertEq(distributor.earlierLeft(), 0, "the first epoch is paid out");
        if (a > 0) _claim(0, 2 * a, next);
        if (b > 0) _claim(1, 2 * b, next);
        _claim(2, 2 * c, next);
        _assertBalance(address(distributor), 0, "and so is the second");
    }

    // ---------------------------------------------------------------- not paid

    function test_not_what_the_list_does_not_say() public {
        bytes32[] memory list = _leaves(5, 2, 3);
        _counts(list, 10);
        _claimExpecting(_notOnTheList(0, 6), 0, 6, list);
        _claimExpecting(_notOnTheList(0, 4), 0, 4, list);
        _claimExpecting(_notOnTheList(1, 5), 1, 5, list);
    }

    function test_not_by_somebody_elses_proof() public {
        bytes32[] memory list = _leaves(5, 2, 3);
        _counts(list, 10);
        bytes32[] memory proof = Trees.proof(list, 0);
        bytes32 root = Trees.root(list);
        vm.expectRevert(abi.encodeWithSelector(RewardDistributor.NotOnTheList.selector, thief, 5));
        vm.prank(thief);
        distributor.claim(thief, 5, root, proof);
    }

    /// @dev An inner node is 64 bytes hashed once, and so would the leaf of a payee be, were it not hashed twice.
    function test_an_inner_node_is_no_leaf() public {
        bytes32 inner = keccak256(abi.encode(thief, 5));
        _counts(inner, 10, false);
        vm.expectRevert(abi.encodeWithSelector(RewardDistributor.NotOnTheList.selector, thief, 5));
        distributor.claim(thief, 5, inner, new bytes32[](0));
    }

    function test_no_root_is_no_root() public {
        bytes32[] memory none = new bytes32[](0);
        vm.expectRevert(_doesNotCount(bytes32(0)));
        distributor.claim(thief, 5, bytes32(0), none);
        vm.expectRevert(_doesNotCount(keccak256("some")));
        distributor.claim(thief, 5, keccak256("some"), none);
    }

    function test_a_root_two_before_counts_no_more() public {
        bytes32[] memory list = _leaves(5, 2, 3);
        _counts(list, 10);
        _counts(_leaves(6, 2, 3), 1);
        _claim(0, 5, list);
        _counts(_leaves(7, 2, 3), 1);
        _claimExpecting(_doesNotCount(Trees.root(list)), 1, 2, list);
    }

    function testFuzz_no_more_than_the_epochs_budget(uint256 budget, uint256 cumulative) public {
        budget = _within(budget, 1, MAX_BUDGET);
        cumulative = _within(cumulative, 1, type(uint256).max);
        _counts(_leaves(500 ether, 0, 0), 500 ether);
        _counts(_stolen(cumulative), budget, false);
        if (cumulative > budget) _stealExpecting(_short(cumulative, budget), cumulative);
        else _steal(cumulative);
        _claim(0, 500 ether, _leaves(500 ether, 0, 0));
        _assertBalance(payees[0], 500 ether, "what was due from before is whole");
    }

    // ---------------------------------------------------------------- after a wrong root

    /// @dev The thief's list takes its epoch's budget, and all that was due before is paid; then a right root comes.
    function test_a_wrong_root_harms_one_epoch() public {
        bytes32[] memory list = _leaves(500 ether, 200 ether, 300 ether);
        _counts(list, 1_000 ether);
        _counts(_stolen(40 ether), 40 ether, false);
        _steal(40 ether);
        vm.assertEq(distributor.left(), 0, "the epoch's budget is gone");
        vm.assertEq(distributor.earlierLeft(), 1_000 ether, "and nothing else");
        bytes32[] memory next = _leaves(510 ether, 210 ether, 310 ether);
        _counts(Trees.root(next), 30 ether, true);
        _stealExpecting(_doesNotCount(_stolen(40 ether)), 40 ether);
        _claim(0, 500 ether, list);
        _claim(1, 200 ether, list);
        _claim(2, 300 ether, list);
        _claim(0, 510 ether, next);
        _claim(1, 210 ether, next);
        _claim(2, 310 ether, next);
        _assertBalance(address(distributor), 0, "everybody has what is due");
        _assertBalance(thief, 40 ether, "the thief has one epoch's budget");
    }

    /// @dev Somebody carries a claim under the newest root for one who is late: it takes from the newest budget what
    /// was due from before. Others wait for the next root, and then have all of it.
    function test_a_late_claim_under_the_newest_makes_others_wait() public {
        bytes32[] memory list = _leaves(5, 0, 5);
        _counts(list, 10);
        bytes32[] memory next = _leaves(10, 0, 10);
        _counts(next, 10);
        _claim(0, 10, next);
        _claimExpecting(_short(10, 0), 2, 10, next);
        _claim(2, 5, list);
        _claimExpecting(_short(5, 0), 2, 10, next);
        _counts(_leaves(11, 0, 10), 1);
        _claim(2, 10, next);
        _assertBalance(payees[2], 10, "all of it");
    }

    function test_and_if_no_next_root_ever_comes() public {
        _counts(_leaves(5, 0, 5), 10);
        bytes32[] memory next = _leaves(10, 0, 10);
        _counts(next, 10);
        _claim(0, 10, next);
        _claimExpecting(_short(10, 0), 2, 10, next);
        vm.warp(_now() + 180 days);
        distributor.joinEarlier();
        _claim(2, 10, next);
        _assertBalance(address(distributor), 0, "everybody has what is due");
    }
}
