// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Vm} from "../support/Test.sol";

/// @dev announceForfeit: the resolver's word, in time, with two days to think again.
contract AnnounceForfeitTest is EscrowTest {
    function _announce(ContactEscrow.Terms memory terms, address by) private {
        vm.prank(by);
        escrow.announceForfeit(terms);
    }

    function test_waits_48_hours() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _announced(terms);
        (ContactEscrow.State state, uint64 executableAt) = escrow.stakes(id);
        vm.assertEq(uint256(state), uint256(ContactEscrow.State.ForfeitAnnounced), "announced");
        vm.assertEq(executableAt, _now() + 172_800, "in 48 hours");
    }

    function test_one_event_and_no_money_moves() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        vm.recordLogs();
        _announce(terms, resolver);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "one log");
        _assertEvent(logs[0], ContactEscrow.ForfeitAnnounced.selector, id, abi.encode(_now() + 48 hours));
        _assertBalance(address(escrow), 6 ether, "all still held");
    }

    function test_last_second() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        vm.warp(terms.answerBy - 1);
        _announce(terms, resolver);
        (, uint64 executableAt) = escrow.stakes(id);
        vm.assertEq(executableAt, terms.answerBy - 1 + 48 hours, "the delay is whole, though answerBy comes sooner");
    }

    function test_too_late() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.warp(terms.answerBy);
        vm.expectRevert(abi.encodeWithSelector(ContactEscrow.AnswerByPassed.selector, terms.answerBy));
        _announce(terms, resolver);
    }

    function test_only_the_resolver() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        address[5] memory others = [guardian, payer, returnTo, feePayee, mallory];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ContactEscrow.NotTheResolver.selector, others[i]));
            _announce(terms, others[i]);
        }
    }

    function test_somebody_who_says_to_be_the_resolver() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        terms.resolver = mallory;
        _expectWrongState(terms, ContactEscrow.State.None);
        _announce(terms, mallory);
    }

    function test_twice_would_move_the_time() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        vm.warp(_now() + 1);
        _expectWrongState(terms, ContactEscrow.State.ForfeitAnnounced);
        _announce(terms, resolver);
    }

    function test_never_opened() public {
        ContactEscrow.Terms memory terms = _terms();
        _expectWrongState(terms, ContactEscrow.State.None);
        _announce(terms, resolver);
    }

    function test_after_return() public {
        ContactEscrow.Terms memory terms = _terms();
        _returned(terms);
        _expectWrongState(terms, ContactEscrow.State.Returned);
        _announce(terms, resolver);
    }

    function test_after_expiry() public {
        ContactEscrow.Terms memory terms = _terms();
        _expired(terms);
        _expectWrongState(terms, ContactEscrow.State.Expired);
        _announce(terms, resolver);
    }

    function test_after_forfeit() public {
        ContactEscrow.Terms memory terms = _terms();
        _forfeited(terms);
        _expectWrongState(terms, ContactEscrow.State.Forfeited);
        _announce(terms, resolver);
    }
}
