// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {OpeningRules} from "../support/OpeningRules.sol";
import {Vm} from "../support/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev open: by an allowance the payer gave before.
contract OpenTest is OpeningRules {
    function _open(ContactEscrow.Terms memory terms, bytes memory reason) internal override {
        vm.prank(terms.payer);
        token.approve(address(escrow), type(uint256).max);
        if (reason.length > 0) vm.expectRevert(reason);
        vm.prank(terms.payer);
        escrow.open(terms);
    }

    function test_holds_amount_and_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        (ContactEscrow.State state, uint64 executableAt) = escrow.stakes(id);
        vm.assertEq(uint256(state), uint256(ContactEscrow.State.Open), "open");
        vm.assertEq(executableAt, 0, "nothing announced");
        _assertBalance(address(escrow), 6 ether, "the escrow holds it");
        _assertBalance(payer, 994 ether, "the payer paid it");
    }

    function test_relay_fee_is_not_due() public {
        _opened(_terms());
        _assertBalance(relayer, 0, "nobody carried it");
    }

    function test_transfer_then_opened() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(payer);
        token.approve(address(escrow), 6 ether);
        vm.recordLogs();
        vm.prank(payer);
        escrow.open(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "two logs");
        _assertTransfer(logs[0], payer, address(escrow), 6 ether);
        _assertOpened(logs[1], terms);
    }

    function test_only_the_payer() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(payer);
        token.approve(address(escrow), 6 ether);
        vm.expectRevert(abi.encodeWithSelector(ContactEscrow.NotThePayer.selector, resolver));
        vm.prank(resolver);
        escrow.open(terms);
    }

    function test_nobody_else_pays() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(payer);
        token.approve(address(escrow), 6 ether);
        terms.payer = mallory;
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), 0, 6 ether)
        );
        vm.prank(mallory);
        escrow.open(terms);
    }

    function test_allowance_one_short() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(payer);
        token.approve(address(escrow), 6 ether - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), 6 ether - 1, 6 ether
            )
        );
        vm.prank(payer);
        escrow.open(terms);
        _assertState(escrow.stakeId(terms), ContactEscrow.State.None, "the id is still free");
    }

    function test_balance_one_short() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.amount = 999 ether + 1;
        vm.prank(payer);
        token.approve(address(escrow), type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, payer, 1_000 ether, 1_000 ether + 1)
        );
        vm.prank(payer);
        escrow.open(terms);
    }

    function test_relay_fee_that_would_overflow_is_not_even_added() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.relayFee = type(uint256).max;
        bytes32 id = _opened(terms);
        _assertState(id, ContactEscrow.State.Open, "the relay fee is not the payer's business");
    }

    /// @dev Any terms at all: they open if and only if they keep every rule, read out here once more.
    function testFuzz_terms(ContactEscrow.Terms memory terms, uint256 shape) public {
        uint256 time = _now();
        terms.payer = payer;
        // Most random terms break a rule at once; bring some of them near.
        if (shape & 1 == 0) terms.amount = _within(terms.amount, 0, 500 ether);
        if (shape & 2 == 0) terms.fee = _within(terms.fee, 0, 500 ether);
        if (shape & 4 == 0) terms.answerBy = uint64(_within(terms.answerBy, time, time + 60 days + 1));
        if (shape & 8 == 0) terms.quoteExpiry = uint64(_within(terms.quoteExpiry, time, time + 1 days));
        if (shape & 0x70 == 0) terms.feePayee = address(0);
        if (shape & 0x380 == 0) terms.returnTo = address(escrow);

        bool sumFits = terms.amount <= type(uint256).max - terms.fee;
        uint256 due = sumFits ? terms.amount + terms.fee : 0;
        bool allowed = sumFits && due > 0 && due <= token.balanceOf(payer) && _reachable(terms.returnTo)
            && (terms.fee == 0 || _reachable(terms.feePayee))
            && (terms.relayFee == 0 || _reachable(terms.relayReceiver)) && terms.resolver != address(0)
            && terms.answerBy > time && terms.answerBy <= time + 60 days && terms.quoteExpiry <= terms.answerBy
            && terms.quoteExpiry > time;

        vm.prank(payer);
        token.approve(address(escrow), type(uint256).max);
        vm.prank(payer);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.open, (terms)));
        vm.assertEq(done, allowed, "opens if and only if every rule is kept");
        _assertBalance(address(escrow), allowed ? due : 0, "and holds what it says");
    }

    function _reachable(address to) private view returns (bool) {
        return to != address(0) && to != address(escrow);
    }
}
