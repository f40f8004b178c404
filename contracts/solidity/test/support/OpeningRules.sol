// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {EscrowTest} from "./EscrowTest.sol";

/// @dev The rules that hold whichever way a stake is opened. Each way inherits all of these tests.
abstract contract OpeningRules is EscrowTest {
    /// @dev Get everything ready (allowance, signature), expect `reason` (or success if empty), and open.
    function _open(ContactEscrow.Terms memory terms, bytes memory reason) internal virtual;

    function _open(ContactEscrow.Terms memory terms) internal {
        _open(terms, "");
        _assertState(escrow.stakeId(terms), ContactEscrow.State.Open, "it opened");
    }

    // ---------------------------------------------------------------- time, at the exact second

    function test_quote_last_second() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.warp(terms.quoteExpiry - 1);
        _open(terms);
    }

    function test_quote_expired() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.warp(terms.quoteExpiry);
        _open(terms, abi.encodeWithSelector(ContactEscrow.QuoteExpired.selector, terms.quoteExpiry));
    }

    function test_quote_until_answer() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.quoteExpiry = terms.answerBy;
        vm.warp(terms.answerBy - 1);
        _open(terms);
    }

    function test_quote_outlives_answer() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.quoteExpiry = terms.answerBy + 1;
        _open(
            terms, abi.encodeWithSelector(ContactEscrow.QuoteOutlivesAnswer.selector, terms.quoteExpiry, terms.answerBy)
        );
    }

    function test_answer_passed() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.answerBy = uint64(_now());
        terms.quoteExpiry = terms.answerBy;
        _open(terms, abi.encodeWithSelector(ContactEscrow.AnswerByPassed.selector, terms.answerBy));
    }

    function test_answer_in_a_second() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.answerBy = uint64(_now() + 1);
        terms.quoteExpiry = terms.answerBy;
        _open(terms);
    }

    function test_answer_in_60_days() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.answerBy = uint64(_now() + 60 days);
        _open(terms);
    }

    function test_answer_too_far() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.answerBy = uint64(_now() + 60 days + 1);
        _open(terms, abi.encodeWithSelector(ContactEscrow.AnswerByTooFar.selector, terms.answerBy));
    }

    function test_answer_never() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.answerBy = type(uint64).max;
        _open(terms, abi.encodeWithSelector(ContactEscrow.AnswerByTooFar.selector, terms.answerBy));
    }

    // ---------------------------------------------------------------- money

    function test_fee_alone() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.amount = 0;
        _open(terms);
        _assertBalance(address(escrow), terms.fee, "the fee is held");
    }

    function test_amount_alone() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.fee = 0;
        terms.feePayee = address(0);
        _open(terms);
        _assertBalance(address(escrow), terms.amount, "the amount is held");
    }

    function test_nothing() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.amount = 0;
        terms.fee = 0;
        _open(terms, abi.encodeWithSelector(ContactEscrow.NothingStaked.selector));
    }

    function test_one_base_unit() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.amount = 1;
        terms.fee = 0;
        _open(terms);
    }

    function test_sum_overflows() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.amount = type(uint256).max;
        terms.fee = 1;
        _open(terms, abi.encodeWithSelector(OVERFLOW, 0x11));
    }

    // ---------------------------------------------------------------- people

    function test_return_to_zero() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.returnTo = address(0);
        _open(terms, abi.encodeWithSelector(ContactEscrow.BadReturnTo.selector, address(0)));
    }

    function test_return_to_escrow() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.returnTo = address(escrow);
        _open(terms, abi.encodeWithSelector(ContactEscrow.BadReturnTo.selector, address(escrow)));
    }

    function test_fee_payee_zero() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.feePayee = address(0);
        _open(terms, abi.encodeWithSelector(ContactEscrow.BadFeePayee.selector, address(0)));
    }

    function test_fee_payee_escrow() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.feePayee = address(escrow);
        _open(terms, abi.encodeWithSelector(ContactEscrow.BadFeePayee.selector, address(escrow)));
    }

    function test_fee_payee_does_not_matter_without_a_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.fee = 0;
        terms.feePayee = address(escrow);
        _open(terms);
    }

    function test_relay_receiver_zero() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.relayReceiver = address(0);
        _open(terms, abi.encodeWithSelector(ContactEscrow.BadRelayReceiver.selector, address(0)));
    }

    function test_relay_receiver_escrow() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.relayReceiver = address(escrow);
        _open(terms, abi.encodeWithSelector(ContactEscrow.BadRelayReceiver.selector, address(escrow)));
    }

    function test_relay_receiver_does_not_matter_without_a_relay_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.relayFee = 0;
        terms.relayReceiver = address(0);
        _open(terms);
    }

    function test_resolver_zero() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.resolver = address(0);
        _open(terms, abi.encodeWithSelector(ContactEscrow.ZeroResolver.selector));
    }

    function test_guardian_zero() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.guardian = address(0);
        _open(terms);
    }

    function test_everybody_is_one() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.returnTo = payer;
        terms.feePayee = payer;
        terms.relayReceiver = payer;
        terms.resolver = payer;
        terms.guardian = payer;
        _open(terms);
        _assertBalance(payer, 1_000 ether - terms.amount - terms.fee, "what is held is all that is missing");
    }

    // ---------------------------------------------------------------- an id is good once, for ever

    function test_again() public {
        ContactEscrow.Terms memory terms = _terms();
        _open(terms);
        _open(terms, _idUsed(terms));
    }

    function test_again_with_one_bit_changed() public {
        ContactEscrow.Terms memory terms = _terms();
        _open(terms);
        terms.commitment ^= bytes32(uint256(1));
        _open(terms);
        _assertBalance(address(escrow), 2 * (terms.amount + terms.fee), "two stakes are held");
    }

    function test_again_after_announcement() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        _open(terms, _idUsed(terms));
    }

    function test_again_after_return() public {
        ContactEscrow.Terms memory terms = _terms();
        _returned(terms);
        _open(terms, _idUsed(terms));
    }

    function test_again_after_forfeit() public {
        ContactEscrow.Terms memory terms = _terms();
        _forfeited(terms);
        _open(terms, _idUsed(terms));
    }

    function test_again_after_expiry() public {
        ContactEscrow.Terms memory terms = _terms();
        _expired(terms);
        _open(terms, _idUsed(terms));
    }

    function test_again_after_opening_by_allowance() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        _open(terms, _idUsed(terms));
    }

    function test_again_after_opening_by_authorization() public {
        ContactEscrow.Terms memory terms = _terms();
        _openedByAuthorization(terms);
        _open(terms, _idUsed(terms));
    }

    function test_on_another_escrow_it_is_another_stake() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 here = escrow.stakeId(terms);
        _open(terms);
        escrow = new ContactEscrow(token);
        vm.assertNotEq(escrow.stakeId(terms), here, "another id");
        _open(terms);
    }

    // ---------------------------------------------------------------- strays

    function test_strays_neither_block_nor_pay() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(treasury);
        token.transfer(address(escrow), 77 ether);
        _open(terms);
        _assertBalance(address(escrow), 77 ether + terms.amount + terms.fee, "the payer paid all of it");
    }

    function _idUsed(ContactEscrow.Terms memory terms) private view returns (bytes memory) {
        return abi.encodeWithSelector(ContactEscrow.IdUsed.selector, escrow.stakeId(terms));
    }
}
