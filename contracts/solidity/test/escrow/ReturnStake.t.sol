// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Vm} from "../support/Test.sol";

/// @dev returnStake: back it goes, and only back.
contract ReturnStakeTest is EscrowTest {
    function _return(ContactEscrow.Terms memory terms, bool answered, address by) private {
        vm.prank(by);
        escrow.returnStake(terms, answered);
    }

    function _refused(ContactEscrow.Terms memory terms, bool answered, address by, bytes memory reason) private {
        vm.expectRevert(reason);
        _return(terms, answered, by);
    }

    // ---------------------------------------------------------------- while open

    function test_answered_the_fee_is_earned() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        _return(terms, true, resolver);
        _assertState(id, ContactEscrow.State.Returned, "returned");
        _assertBalance(returnTo, 5 ether, "the amount goes back");
        _assertBalance(feePayee, 1 ether, "the fee is earned");
        _assertBalance(address(escrow), 0, "nothing is left");
    }

    function test_unanswered_the_fee_goes_back() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        _return(terms, false, resolver);
        _assertState(id, ContactEscrow.State.Returned, "returned");
        _assertBalance(returnTo, 6 ether, "amount and fee go back");
        _assertBalance(feePayee, 0, "nobody answered");
        _assertBalance(address(escrow), 0, "nothing is left");
    }

    function test_answered_event_then_transfers() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        vm.recordLogs();
        _return(terms, true, resolver);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "three logs");
        _assertEvent(logs[0], ContactEscrow.Returned.selector, id, abi.encode(true));
        _assertTransfer(logs[1], address(escrow), returnTo, 5 ether);
        _assertTransfer(logs[2], address(escrow), feePayee, 1 ether);
    }

    function test_unanswered_event_then_one_transfer() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        vm.recordLogs();
        _return(terms, false, resolver);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "two logs");
        _assertEvent(logs[0], ContactEscrow.Returned.selector, id, abi.encode(false));
        _assertTransfer(logs[1], address(escrow), returnTo, 6 ether);
    }

    function test_a_leg_of_nothing_leaves_no_transfer() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.amount = 0;
        _opened(terms);
        vm.recordLogs();
        _return(terms, true, resolver);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "two logs");
        _assertTransfer(logs[1], address(escrow), feePayee, 1 ether);
    }

    function test_last_second() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.warp(terms.answerBy - 1);
        _return(terms, true, resolver);
        _assertBalance(returnTo, 5 ether, "in time");
    }

    function test_too_late() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.warp(terms.answerBy);
        _refused(terms, true, resolver, abi.encodeWithSelector(ContactEscrow.AnswerByPassed.selector, terms.answerBy));
    }

    function test_only_the_resolver() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        address[5] memory others = [guardian, payer, returnTo, feePayee, mallory];
        for (uint256 i = 0; i < others.length; ++i) {
            _refused(terms, true, others[i], abi.encodeWithSelector(ContactEscrow.NotTheResolver.selector, others[i]));
        }
    }

    // ---------------------------------------------------------------- while its forfeit is announced

    function test_resolver_takes_the_announcement_back() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        _return(terms, true, resolver);
        _assertState(id, ContactEscrow.State.Returned, "returned");
        _assertBalance(returnTo, 5 ether, "the amount goes back");
        _assertBalance(feePayee, 1 ether, "there was an answer");
    }

    function test_guardian_stops_the_forfeit() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        _return(terms, true, guardian);
        _assertState(id, ContactEscrow.State.Returned, "returned");
        _assertBalance(returnTo, 5 ether, "the amount goes back");
        _assertBalance(feePayee, 1 ether, "there was an answer");
    }

    function test_after_an_announcement_it_counts_as_answered_whatever_is_said() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        vm.recordLogs();
        _return(terms, false, guardian);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "three logs");
        _assertEvent(logs[0], ContactEscrow.Returned.selector, id, abi.encode(true));
        _assertTransfer(logs[1], address(escrow), returnTo, 5 ether);
        _assertTransfer(logs[2], address(escrow), feePayee, 1 ether);
    }

    function test_announced_any_time_until_executed() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        vm.warp(_now() + 400 days);
        _return(terms, true, guardian);
        _assertState(id, ContactEscrow.State.Returned, "neither answerBy nor the delay ends it");
    }

    function test_announced_nobody_else() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        address[4] memory others = [payer, returnTo, feePayee, mallory];
        for (uint256 i = 0; i < others.length; ++i) {
            _refused(
                terms, true, others[i], abi.encodeWithSelector(ContactEscrow.NotResolverOrGuardian.selector, others[i])
            );
        }
    }

    function test_announced_without_a_guardian() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.guardian = address(0);
        bytes32 id = _announced(terms);
        _refused(terms, true, mallory, abi.encodeWithSelector(ContactEscrow.NotResolverOrGuardian.selector, mallory));
        _return(terms, true, resolver);
        _assertState(id, ContactEscrow.State.Returned, "the resolver still can");
    }

    // ---------------------------------------------------------------- never elsewhere, never twice

    function test_the_resolver_cannot_redirect() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        ContactEscrow.Terms memory other = _copy(terms);
        other.returnTo = resolver;
        _expectWrongState(other, ContactEscrow.State.None);
        _return(other, true, resolver);
        other = _copy(terms);
        other.feePayee = resolver;
        _expectWrongState(other, ContactEscrow.State.None);
        _return(other, true, resolver);
        other = _copy(terms);
        (other.amount, other.fee) = (1 ether, 5 ether);
        _expectWrongState(other, ContactEscrow.State.None);
        _return(other, true, resolver);
        _assertState(id, ContactEscrow.State.Open, "untouched");
        _assertBalance(address(escrow), 6 ether, "untouched");
    }

    function test_never_opened() public {
        ContactEscrow.Terms memory terms = _terms();
        _expectWrongState(terms, ContactEscrow.State.None);
        _return(terms, true, resolver);
    }

    function test_twice() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(_copyWithOtherCommitment(terms)); // money that a second return would take
        _returned(terms);
        _expectWrongState(terms, ContactEscrow.State.Returned);
        _return(terms, true, resolver);
    }

    function test_after_expiry() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(_copyWithOtherCommitment(terms));
        _expired(terms);
        _expectWrongState(terms, ContactEscrow.State.Expired);
        _return(terms, true, resolver);
    }

    function test_after_forfeit() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(_copyWithOtherCommitment(terms));
        _forfeited(terms);
        _expectWrongState(terms, ContactEscrow.State.Forfeited);
        _return(terms, true, guardian);
    }

    function test_on_another_escrow() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        escrow = new ContactEscrow(token);
        _expectWrongState(terms, ContactEscrow.State.None);
        _return(terms, true, resolver);
    }

    function test_on_a_chain_of_another_number() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.chainId(10);
        _expectWrongState(terms, ContactEscrow.State.None);
        _return(terms, true, resolver);
    }

    function test_strays_do_not_come_along() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(treasury);
        token.transfer(address(escrow), 77 ether);
        _returned(terms);
        _assertBalance(address(escrow), 77 ether, "strays are nobody's");
    }

    function _copyWithOtherCommitment(ContactEscrow.Terms memory terms)
        private
        pure
        returns (ContactEscrow.Terms memory other)
    {
        other = _copy(terms);
        other.commitment = 0;
    }
}
