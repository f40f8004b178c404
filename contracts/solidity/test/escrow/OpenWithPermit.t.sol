// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {OpeningRules} from "../support/OpeningRules.sol";
import {Vm} from "../support/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev openWithPermit: the payer's signature gives the allowance in the same transaction.
contract OpenWithPermitTest is OpeningRules {
    function _open(ContactEscrow.Terms memory terms, bytes memory reason) internal override {
        Signature memory sig = _permit(terms, PAYER_KEY);
        if (reason.length > 0) vm.expectRevert(reason);
        vm.prank(terms.payer);
        escrow.openWithPermit(terms, _now(), sig.v, sig.r, sig.s);
    }

    function _permit(ContactEscrow.Terms memory terms, uint256 key) private view returns (Signature memory) {
        uint256 due;
        unchecked {
            due = terms.amount + terms.fee;
        }
        return _signPermit(token, key, address(escrow), due, token.nonces(vm.addr(key)), _now());
    }

    function _expectNoAllowance(uint256 allowance) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), allowance, 6 ether
            )
        );
    }

    function test_takes_amount_and_fee_and_leaves_no_allowance() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _permit(terms, PAYER_KEY);
        vm.recordLogs();
        vm.prank(payer);
        escrow.openWithPermit(terms, _now(), sig.v, sig.r, sig.s);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "approval, transfer, opened");
        vm.assertEq(logs[0].topics[0], keccak256("Approval(address,address,uint256)"), "the permit at work");
        _assertTransfer(logs[1], payer, address(escrow), 6 ether);
        _assertOpened(logs[2], terms);
        vm.assertEq(token.allowance(payer, address(escrow)), 0, "used up");
        _assertBalance(relayer, 0, "the relay fee is not due");
    }

    function test_permit_submitted_first_by_somebody_else() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _permit(terms, PAYER_KEY);
        vm.prank(mallory);
        token.permit(payer, address(escrow), 6 ether, _now(), sig.v, sig.r, sig.s);
        vm.prank(payer);
        escrow.openWithPermit(terms, _now(), sig.v, sig.r, sig.s);
        _assertState(escrow.stakeId(terms), ContactEscrow.State.Open, "it opened all the same");
    }

    function test_somebody_else_cannot_use_the_permit() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _permit(terms, PAYER_KEY);
        vm.expectRevert(abi.encodeWithSelector(ContactEscrow.NotThePayer.selector, mallory));
        vm.prank(mallory);
        escrow.openWithPermit(terms, _now(), sig.v, sig.r, sig.s);
    }

    function test_somebody_else_cannot_use_the_permit_for_terms_of_their_own() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _permit(terms, PAYER_KEY);
        terms.payer = mallory;
        _expectNoAllowance(0);
        vm.prank(mallory);
        escrow.openWithPermit(terms, _now(), sig.v, sig.r, sig.s);
    }

    function test_signature_of_somebody_else() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _permit(terms, MALLORY_KEY);
        _expectNoAllowance(0);
        vm.prank(payer);
        escrow.openWithPermit(terms, _now(), sig.v, sig.r, sig.s);
    }

    function test_signature_of_nobody() public {
        _expectNoAllowance(0);
        vm.prank(payer);
        escrow.openWithPermit(_terms(), _now(), 0, 0, 0);
    }

    function test_permit_for_less() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signPermit(token, PAYER_KEY, address(escrow), 6 ether - 1, token.nonces(payer), _now());
        _expectNoAllowance(0);
        vm.prank(payer);
        escrow.openWithPermit(terms, _now(), sig.v, sig.r, sig.s);
    }

    function test_permit_past_its_deadline() public {
        ContactEscrow.Terms memory terms = _terms();
        uint256 deadline = _now();
        Signature memory sig = _permit(terms, PAYER_KEY);
        vm.warp(deadline + 1);
        _expectNoAllowance(0);
        vm.prank(payer);
        escrow.openWithPermit(terms, deadline, sig.v, sig.r, sig.s);
    }

    function test_bad_permit_beside_a_good_allowance() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(payer);
        token.approve(address(escrow), 6 ether);
        vm.prank(payer);
        escrow.openWithPermit(terms, 0, 0, 0, 0);
        _assertState(escrow.stakeId(terms), ContactEscrow.State.Open, "the allowance was enough");
    }

    function test_refused_terms_leave_the_permit_unused() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.resolver = address(0);
        _open(terms, abi.encodeWithSelector(ContactEscrow.ZeroResolver.selector));
        vm.assertEq(token.nonces(payer), 0, "the permit can still be used");
    }
}
