// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {ReentrantToken, RefusingToken} from "../support/weird/Weird.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @dev The escrow's token is ours and does nothing odd. Checks come first, then effects, then calls, all the same.
contract ReentrantTokenTest is EscrowTest {
    ReentrantToken private hooked;

    function setUp() public override {
        hooked = new ReentrantToken(treasury, SUPPLY);
        token = hooked;
        escrow = new ContactEscrow(token);
        vm.prank(treasury);
        token.transfer(payer, 1_000 ether);
        vm.prank(treasury);
        token.transfer(address(escrow), 100 ether); // something to steal
    }

    function _assertRefused(ContactEscrow.Terms memory terms, ContactEscrow.State state) private view {
        vm.assertEq(hooked.succeeded(), false, "the second call is refused");
        vm.assertEq(
            hooked.answer(),
            abi.encodeWithSelector(ContactEscrow.WrongState.selector, escrow.stakeId(terms), state),
            "because the first one has its effect already"
        );
    }

    function test_expire_within_expire() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.warp(terms.answerBy);
        hooked.arm(address(escrow), abi.encodeCall(escrow.expire, (terms)));
        escrow.expire(terms);
        _assertRefused(terms, ContactEscrow.State.Expired);
        _assertBalance(returnTo, 6 ether, "paid once");
    }

    function test_return_within_return() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.resolver = address(token); // the token itself is the resolver: as bad as it gets
        _opened(terms);
        hooked.arm(address(escrow), abi.encodeCall(escrow.returnStake, (terms, true)));
        vm.prank(address(token));
        escrow.returnStake(terms, false);
        _assertRefused(terms, ContactEscrow.State.Returned);
        _assertBalance(returnTo, 6 ether, "paid once");
    }

    function test_execute_within_execute() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        vm.warp(_now() + 48 hours);
        hooked.arm(address(escrow), abi.encodeCall(escrow.executeForfeit, (terms)));
        escrow.executeForfeit(terms);
        _assertRefused(terms, ContactEscrow.State.Forfeited);
        vm.assertEq(token.totalSupply(), SUPPLY - 5 ether, "burned once");
        _assertBalance(feePayee, 1 ether, "paid once");
    }

    function test_open_within_open() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.payer = address(token);
        vm.prank(treasury);
        token.transfer(address(token), 100 ether);
        vm.prank(address(token));
        token.approve(address(escrow), type(uint256).max);
        hooked.arm(address(escrow), abi.encodeCall(escrow.open, (terms)));
        vm.prank(address(token));
        escrow.open(terms);
        vm.assertEq(hooked.succeeded(), false, "the second call is refused");
        vm.assertEq(
            hooked.answer(),
            abi.encodeWithSelector(ContactEscrow.IdUsed.selector, escrow.stakeId(terms)),
            "because the first one has its effect already"
        );
        _assertBalance(address(escrow), 106 ether, "paid once");
    }
}

/// @dev A refusal is never taken for a payment.
contract RefusingTokenTest is EscrowTest {
    RefusingToken private refusing;

    function setUp() public override {
        refusing = new RefusingToken(treasury, SUPPLY);
        token = refusing;
        escrow = new ContactEscrow(token);
        vm.prank(treasury);
        token.transfer(payer, 1_000 ether);
    }

    function _expectRefusal() private {
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
    }

    function test_opening() public {
        ContactEscrow.Terms memory terms = _terms();
        refusing.refuse(true);
        _expectRefusal();
        vm.prank(payer);
        escrow.open(terms);
        _assertState(escrow.stakeId(terms), ContactEscrow.State.None, "not open");
    }

    function test_expiry() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 id = _opened(terms);
        refusing.refuse(true);
        vm.warp(terms.answerBy);
        _expectRefusal();
        escrow.expire(terms);
        _assertState(id, ContactEscrow.State.Open, "still open");
        refusing.refuse(false);
        escrow.expire(terms);
        _assertState(id, ContactEscrow.State.Expired, "expired");
    }
}
