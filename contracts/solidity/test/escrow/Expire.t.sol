// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Vm} from "../support/Test.sol";

/// @dev expire: what nobody answered goes back, with nobody's help.
contract ExpireTest is EscrowTest {
    function _expire(ContactEscrow.Terms memory terms) private {
        vm.prank(anybody);
        escrow.expire(terms);
    }

    function test_all_goes_back() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        vm.warp(terms.answerBy);
        _expire(terms);
        _assertState(id, ContactEscrow.State.Expired, "expired");
        _assertBalance(returnTo, 6 ether, "amount and fee");
        _assertBalance(address(escrow), 0, "nothing is left");
    }

    function test_event_then_one_transfer() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        vm.warp(terms.answerBy);
        vm.recordLogs();
        _expire(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "two logs");
        _assertEvent(logs[0], ContactEscrow.Expired.selector, id, "");
        _assertTransfer(logs[1], address(escrow), returnTo, 6 ether);
    }

    /// @dev The service is gone for ever. A stranger has the chain: what Opened said is all that is needed.
    function test_from_the_event_alone() public {
        vm.recordLogs();
        ContactEscrow.Terms memory terms = _terms();
        _openedByAuthorization(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        ContactEscrow.Terms memory read = abi.decode(logs[logs.length - 1].data, (ContactEscrow.Terms));
        vm.warp(read.answerBy);
        _expire(read);
        _assertBalance(returnTo, 6 ether, "amount and fee");
    }

    function test_years_later() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        vm.warp(_now() + 3650 days);
        _expire(terms);
        _assertState(id, ContactEscrow.State.Expired, "expired");
    }

    function test_a_second_too_early() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.warp(terms.answerBy - 1);
        vm.expectRevert(abi.encodeWithSelector(ContactEscrow.AnswerByNotReached.selector, terms.answerBy));
        _expire(terms);
    }

    function test_announced() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        vm.warp(terms.answerBy);
        _expectWrongState(terms, ContactEscrow.State.ForfeitAnnounced);
        _expire(terms);
    }

    function test_never_opened() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.warp(terms.answerBy);
        _expectWrongState(terms, ContactEscrow.State.None);
        _expire(terms);
    }

    function test_twice() public {
        ContactEscrow.Terms memory terms = _terms();
        ContactEscrow.Terms memory other = _terms();
        other.commitment = 0;
        _opened(other); // money that a second expiry would take
        _expired(terms);
        _expectWrongState(terms, ContactEscrow.State.Expired);
        _expire(terms);
    }

    function test_after_return() public {
        ContactEscrow.Terms memory terms = _terms();
        _returned(terms);
        vm.warp(terms.answerBy);
        _expectWrongState(terms, ContactEscrow.State.Returned);
        _expire(terms);
    }

    function test_after_forfeit() public {
        ContactEscrow.Terms memory terms = _terms();
        _forfeited(terms);
        vm.warp(terms.answerBy);
        _expectWrongState(terms, ContactEscrow.State.Forfeited);
        _expire(terms);
    }

    function test_with_another_day_or_another_place() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.warp(terms.answerBy);
        ContactEscrow.Terms memory other = _copy(terms);
        other.answerBy -= 1;
        _expectWrongState(other, ContactEscrow.State.None);
        _expire(other);
        other = _copy(terms);
        other.returnTo = anybody;
        _expectWrongState(other, ContactEscrow.State.None);
        _expire(other);
    }

    function test_strays_do_not_come_along() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(treasury);
        token.transfer(address(escrow), 77 ether);
        _expired(terms);
        _assertBalance(address(escrow), 77 ether, "strays are nobody's");
        _assertBalance(returnTo, 6 ether, "amount and fee");
    }
}
