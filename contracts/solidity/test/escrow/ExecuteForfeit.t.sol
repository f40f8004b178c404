// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Vm} from "../support/Test.sol";

/// @dev executeForfeit: burned, so that nobody gains.
contract ExecuteForfeitTest is EscrowTest {
    function _execute(ContactEscrow.Terms memory terms) private {
        vm.prank(anybody);
        escrow.executeForfeit(terms);
    }

    function test_burns_the_amount_and_pays_the_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        vm.warp(_now() + 48 hours);
        _execute(terms);
        _assertState(id, ContactEscrow.State.Forfeited, "forfeited");
        vm.assertEq(token.totalSupply(), SUPPLY - 5 ether, "the supply falls by the amount");
        _assertBalance(feePayee, 1 ether, "the fee was earned");
        _assertBalance(address(escrow), 0, "nothing is left");
        _assertBalance(returnTo, 0, "nothing goes back");
        _assertBalance(resolver, 0, "the resolver gains nothing");
        _assertBalance(anybody, 0, "nor does whoever executes it");
    }

    function test_event_then_burn_then_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        vm.warp(_now() + 48 hours);
        vm.recordLogs();
        _execute(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "three logs");
        _assertEvent(logs[0], ContactEscrow.Forfeited.selector, id, "");
        _assertTransfer(logs[1], address(escrow), address(0), 5 ether);
        _assertTransfer(logs[2], address(escrow), feePayee, 1 ether);
    }

    function test_without_a_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.fee = 0;
        _announced(terms);
        vm.warp(_now() + 48 hours);
        vm.recordLogs();
        _execute(terms);
        vm.assertEq(vm.getRecordedLogs().length, 2, "event and burn");
    }

    function test_without_an_amount() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.amount = 0;
        _announced(terms);
        vm.warp(_now() + 48 hours);
        vm.recordLogs();
        _execute(terms);
        vm.assertEq(vm.getRecordedLogs().length, 2, "event and fee");
        vm.assertEq(token.totalSupply(), SUPPLY, "nothing to burn");
    }

    function test_a_second_too_early() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        (, uint64 executableAt) = escrow.stakes(id);
        vm.warp(executableAt - 1);
        vm.expectRevert(abi.encodeWithSelector(ContactEscrow.ForfeitNotDue.selector, executableAt));
        _execute(terms);
    }

    function test_the_resolver_has_to_wait_too() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        vm.expectRevert(abi.encodeWithSelector(ContactEscrow.ForfeitNotDue.selector, _now() + 48 hours));
        vm.prank(resolver);
        escrow.executeForfeit(terms);
    }

    function test_announced_in_the_last_second_it_is_executed_after_answer_by() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        vm.warp(terms.answerBy - 1);
        vm.prank(resolver);
        escrow.announceForfeit(terms);
        vm.warp(_now() + 48 hours);
        _execute(terms);
        _assertState(id, ContactEscrow.State.Forfeited, "forfeited");
    }

    function test_years_later() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        vm.warp(_now() + 3650 days);
        _execute(terms);
        _assertState(id, ContactEscrow.State.Forfeited, "forfeited");
    }

    function test_unannounced() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.warp(_now() + 48 hours);
        _expectWrongState(terms, ContactEscrow.State.Open);
        vm.prank(resolver);
        escrow.executeForfeit(terms);
    }

    function test_the_guardian_cannot_forfeit() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.expectRevert(abi.encodeWithSelector(ContactEscrow.NotTheResolver.selector, guardian));
        vm.prank(guardian);
        escrow.announceForfeit(terms);
        vm.warp(_now() + 48 hours);
        _expectWrongState(terms, ContactEscrow.State.Open);
        vm.prank(guardian);
        escrow.executeForfeit(terms);
    }

    function test_after_the_guardian_returned_it() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        vm.prank(guardian);
        escrow.returnStake(terms, true);
        vm.warp(_now() + 48 hours);
        _expectWrongState(terms, ContactEscrow.State.Returned);
        _execute(terms);
        vm.assertEq(token.totalSupply(), SUPPLY, "nothing burned");
    }

    function test_twice() public {
        ContactEscrow.Terms memory terms = _terms();
        ContactEscrow.Terms memory other = _terms();
        other.commitment = 0;
        _opened(other); // money that a second burn would take
        _forfeited(terms);
        _expectWrongState(terms, ContactEscrow.State.Forfeited);
        _execute(terms);
    }

    function test_with_a_smaller_amount() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        vm.warp(_now() + 48 hours);
        terms.amount -= 1;
        _expectWrongState(terms, ContactEscrow.State.None);
        _execute(terms);
    }

    function test_strays_are_not_burned() public {
        vm.prank(treasury);
        token.transfer(address(escrow), 77 ether);
        _forfeited(_terms());
        _assertBalance(address(escrow), 77 ether, "strays are nobody's");
        vm.assertEq(token.totalSupply(), SUPPLY - 5 ether, "the amount alone is burned");
    }
}
