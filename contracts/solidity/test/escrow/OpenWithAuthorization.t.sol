// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {OpeningRules} from "../support/OpeningRules.sol";
import {Vm} from "../support/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @dev openWithAuthorization: anybody carries what the payer signed, and is paid for it.
contract OpenWithAuthorizationTest is OpeningRules {
    bytes4 private constant INVALID = ERC3009.ERC3009InvalidSignature.selector;

    function _open(ContactEscrow.Terms memory terms, bytes memory reason) internal override {
        _carry(terms, _signOpening(terms, PAYER_KEY), reason);
    }

    function _carry(ContactEscrow.Terms memory terms, Signature memory sig, bytes memory reason) private {
        if (reason.length > 0) vm.expectRevert(reason);
        vm.prank(anybody);
        escrow.openWithAuthorization(terms, sig.v, sig.r, sig.s);
    }

    function _invalid() private pure returns (bytes memory) {
        return abi.encodeWithSelector(INVALID);
    }

    function test_payer_without_ether_or_allowance() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.assertEq(payer.balance, 0, "the payer has no ether");
        bytes32 id = _openedByAuthorization(terms);
        _assertState(id, ContactEscrow.State.Open, "open");
        _assertBalance(payer, 1_000 ether - 6.25 ether, "amount, fee and relay fee are paid");
        _assertBalance(address(escrow), 6 ether, "amount and fee are held");
        _assertBalance(relayer, 0.25 ether, "the relay fee is paid at once");
    }

    function test_transfers_then_opened() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.recordLogs();
        _openedByAuthorization(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 4, "four logs");
        vm.assertEq(logs[0].topics[0], keccak256("AuthorizationUsed(address,bytes32)"), "the authorization is used");
        vm.assertEq(logs[0].topics[2], escrow.stakeId(terms), "its nonce is the id");
        _assertTransfer(logs[1], payer, address(escrow), 6.25 ether);
        _assertTransfer(logs[2], address(escrow), relayer, 0.25 ether);
        _assertOpened(logs[3], terms);
    }

    function test_no_transfer_without_a_relay_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.relayFee = 0;
        vm.recordLogs();
        _open(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "three logs");
        _assertTransfer(logs[1], payer, address(escrow), 6 ether);
        _assertOpened(logs[2], terms);
    }

    function test_the_relay_fee_goes_to_the_receiver_whoever_carries() public {
        ContactEscrow.Terms memory terms = _terms();
        _carry(terms, _signOpening(terms, PAYER_KEY), "");
        _assertBalance(relayer, 0.25 ether, "the receiver that was agreed on");
        _assertBalance(anybody, 0, "not the carrier");
    }

    function test_the_payer_may_carry_it_and_pays_the_relay_fee_that_was_signed() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        vm.prank(payer);
        escrow.openWithAuthorization(terms, sig.v, sig.r, sig.s);
        _assertBalance(relayer, 0.25 ether, "what was signed is what is paid");
    }

    function test_relay_fee_overflows() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.relayFee = type(uint256).max;
        _open(terms, abi.encodeWithSelector(OVERFLOW, 0x11));
    }

    function test_balance_one_short() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.amount = 1_000 ether - 1.25 ether + 1;
        _open(
            terms,
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, payer, 1_000 ether, 1_000 ether + 1)
        );
    }

    // ---------------------------------------------------------------- whose signature, on what

    function test_signature_of_somebody_else() public {
        ContactEscrow.Terms memory terms = _terms();
        _carry(terms, _signOpening(terms, MALLORY_KEY), _invalid());
    }

    function test_signature_of_nobody() public {
        _carry(_terms(), Signature(0, 0, 0), abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector));
    }

    function test_payer_zero() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.payer = address(0);
        _carry(terms, Signature(27, bytes32(uint256(1)), bytes32(uint256(1))), abi.encodeWithSelector(INVALID));
    }

    function test_signature_turned_over() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        sig.s = bytes32(order - uint256(sig.s));
        sig.v = sig.v == 27 ? 28 : 27;
        _carry(terms, sig, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, sig.s));
    }

    /// @dev Each of the twelve terms, changed on the way.
    function test_no_term_can_be_changed_on_the_way() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        for (uint256 field = 0; field < 12; ++field) {
            _carry(_changed(terms, field), sig, _invalid());
        }
        _carry(terms, sig, "");
    }

    function _changed(ContactEscrow.Terms memory terms, uint256 field)
        private
        view
        returns (ContactEscrow.Terms memory t)
    {
        t = _copy(terms);
        if (field == 0) t.payer = mallory;
        if (field == 1) t.returnTo = mallory;
        if (field == 2) t.amount -= 1;
        if (field == 3) t.fee += 1;
        if (field == 4) t.feePayee = mallory;
        if (field == 5) t.relayFee += 1;
        if (field == 6) t.relayReceiver = mallory;
        if (field == 7) t.resolver = mallory;
        if (field == 8) t.guardian = mallory;
        if (field == 9) t.answerBy += 1;
        if (field == 10) t.quoteExpiry += 1;
        if (field == 11) t.commitment = 0;
    }

    /// @dev The same sum, moved from one pocket to another.
    function test_fee_and_relay_fee_cannot_be_swapped() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        (terms.fee, terms.relayFee) = (terms.relayFee, terms.fee);
        _carry(terms, sig, _invalid());
    }

    function test_signed_for_another_escrow() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        escrow = new ContactEscrow(token);
        _carry(terms, sig, _invalid());
    }

    function test_signed_on_another_chain() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        vm.chainId(10);
        _carry(terms, sig, _invalid());
    }

    function test_signed_for_a_plain_transfer() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signTransfer(
            token,
            PAYER_KEY,
            Authorization(payer, address(escrow), 6.25 ether, 0, terms.quoteExpiry, escrow.stakeId(terms))
        );
        _carry(terms, sig, _invalid());
    }

    function test_cancelled_by_the_payer() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = escrow.stakeId(terms);
        Signature memory sig = _signCancel(token, PAYER_KEY, id);
        token.cancelAuthorization(payer, id, sig.v, sig.r, sig.s);
        _open(terms, abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, payer, id));
        _opened(terms); // by the payer's own hand it still can be
    }

    // ---------------------------------------------------------------- round the escrow

    function test_the_signature_is_no_use_at_the_token() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = escrow.stakeId(terms);
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(escrow)));
        vm.prank(mallory);
        token.receiveWithAuthorization(
            payer, address(escrow), 6.25 ether, 0, terms.quoteExpiry, id, sig.v, sig.r, sig.s
        );
        vm.expectRevert(INVALID);
        token.transferWithAuthorization(
            payer, address(escrow), 6.25 ether, 0, terms.quoteExpiry, id, sig.v, sig.r, sig.s
        );
    }

    function test_the_signature_is_no_use_after_opening_by_allowance() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        bytes32 id = _opened(terms);
        _carry(terms, sig, abi.encodeWithSelector(ContactEscrow.IdUsed.selector, id));
        _assertBalance(payer, 994 ether, "paid once");
    }
}
