// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pledges} from "../../src/Pledges.sol";
import {PledgesTest} from "../support/PledgesTest.sol";
import {Vm} from "../support/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @dev giveWithAuthorization: anybody carries what the giver signed, and is paid for it.
contract GiveWithAuthorizationTest is PledgesTest {
    bytes4 private constant INVALID = ERC3009.ERC3009InvalidSignature.selector;

    function _expect(Pledges.Gift memory gift, Signature memory sig, bytes memory reason) private {
        vm.expectRevert(reason);
        _carry(gift, sig);
    }

    function _expectInvalid(Pledges.Gift memory gift, Signature memory sig) private {
        _expect(gift, sig, abi.encodeWithSelector(INVALID));
    }

    function test_giver_without_ether_or_allowance() public {
        vm.assertEq(giver.balance, 0, "the giver has no ether");
        _carry(_gift(), _sign(_gift(), GIVER_KEY));
        _assertBalance(giver, 1_000 ether - 5.25 ether, "amount and relay fee are paid");
        _assertBalance(cause, 5 ether, "the cause has the amount");
        _assertBalance(relayer, 0.25 ether, "the receiver that was signed has the relay fee");
        _assertBalance(anybody, 0, "whoever carries has nothing");
        _assertBalance(address(pledges), 0, "nothing stays");
    }

    function test_transfers_then_given() public {
        Pledges.Gift memory gift = _gift();
        Signature memory sig = _sign(gift, GIVER_KEY);
        vm.recordLogs();
        _carry(gift, sig);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 5, "five logs");
        vm.assertEq(logs[0].topics[0], keccak256("AuthorizationUsed(address,bytes32)"), "the authorization is used");
        vm.assertEq(logs[0].topics[2], pledges.giftId(gift), "its nonce is the id");
        _assertTransfer(logs[1], giver, address(pledges), 5.25 ether);
        _assertTransfer(logs[2], address(pledges), cause, 5 ether);
        _assertTransfer(logs[3], address(pledges), relayer, 0.25 ether);
        _assertGiven(logs[4], giver, address(token), 5 ether, 3);
    }

    function test_no_transfer_without_a_relay_fee() public {
        Pledges.Gift memory gift = _gift();
        (gift.relayFee, gift.relayReceiver) = (0, address(0));
        Signature memory sig = _sign(gift, GIVER_KEY);
        vm.recordLogs();
        _carry(gift, sig);
        vm.assertEq(vm.getRecordedLogs().length, 4, "four logs");
        _assertBalance(giver, 995 ether, "the amount alone is paid");
    }

    function test_good_once() public {
        Pledges.Gift memory gift = _gift();
        Signature memory sig = _sign(gift, GIVER_KEY);
        _carry(gift, sig);
        bytes32 id = pledges.giftId(gift);
        _expect(gift, sig, abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, giver, id));
    }

    function test_the_same_again_with_another_salt() public {
        Pledges.Gift memory gift = _gift();
        _carry(gift, _sign(gift, GIVER_KEY));
        gift.salt = keccak256("another");
        _carry(gift, _sign(gift, GIVER_KEY));
        _assertBalance(cause, 10 ether, "both");
    }

    function test_last_second_and_too_late() public {
        Pledges.Gift memory gift = _gift();
        Signature memory sig = _sign(gift, GIVER_KEY);
        vm.warp(gift.validBefore);
        _expect(
            gift,
            sig,
            abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, uint256(0), gift.validBefore)
        );
        vm.warp(gift.validBefore - 1);
        _carry(gift, sig);
        _assertBalance(cause, 5 ether, "in time");
    }

    function test_what_is_refused() public {
        Pledges.Gift memory gift = _gift();
        gift.amount = 0;
        _expect(gift, _sign(gift, GIVER_KEY), abi.encodeWithSelector(Pledges.NothingGiven.selector));
        gift = _gift();
        gift.months = 121;
        _expect(gift, _sign(gift, GIVER_KEY), abi.encodeWithSelector(Pledges.TooManyMonths.selector, uint16(121)));
        address[3] memory bad = [address(0), address(pledges), giver];
        for (uint256 i = 0; i < bad.length; ++i) {
            gift = _gift();
            gift.cause = bad[i];
            _expect(gift, _sign(gift, GIVER_KEY), abi.encodeWithSelector(Pledges.BadCause.selector, bad[i]));
            if (bad[i] == giver) continue;
            gift = _gift();
            gift.relayReceiver = bad[i];
            _expect(gift, _sign(gift, GIVER_KEY), abi.encodeWithSelector(Pledges.BadRelayReceiver.selector, bad[i]));
        }
    }

    function test_relay_fee_overflows() public {
        Pledges.Gift memory gift = _gift();
        gift.relayFee = type(uint256).max;
        _expect(gift, _sign(gift, GIVER_KEY), abi.encodeWithSignature("Panic(uint256)", 0x11));
    }

    function test_balance_one_short() public {
        Pledges.Gift memory gift = _gift();
        gift.amount = 1_000 ether - 0.25 ether + 1;
        _expect(
            gift,
            _sign(gift, GIVER_KEY),
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, giver, 1_000 ether, 1_000 ether + 1)
        );
    }

    // ---------------------------------------------------------------- whose signature, on what

    function test_signature_of_somebody_else_or_of_nobody() public {
        _expectInvalid(_gift(), _sign(_gift(), MALLORY_KEY));
        _expect(_gift(), Signature(0, 0, 0), abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector));
    }

    /// @dev Each of the nine fields, changed on the way.
    function test_nothing_can_be_changed_on_the_way() public {
        Signature memory sig = _sign(_gift(), GIVER_KEY);
        for (uint256 field = 0; field < 9; ++field) {
            Pledges.Gift memory gift = _gift();
            if (field == 0) gift.giver = mallory;
            if (field == 1) gift.cause = mallory;
            if (field == 2) gift.amount -= 1;
            if (field == 3) gift.months += 1;
            if (field == 4) gift.memo = 0;
            if (field == 5) gift.relayFee += 1;
            if (field == 6) gift.relayReceiver = mallory;
            if (field == 7) gift.validBefore += 1;
            if (field == 8) gift.salt = 0;
            _expectInvalid(gift, sig);
        }
        _carry(_gift(), sig);
    }

    /// @dev The same sum, moved from one pocket to another.
    function test_amount_and_relay_fee_cannot_be_swapped() public {
        Pledges.Gift memory gift = _gift();
        Signature memory sig = _sign(gift, GIVER_KEY);
        (gift.amount, gift.relayFee) = (gift.relayFee, gift.amount);
        _expectInvalid(gift, sig);
    }

    function test_signed_for_another_contract_or_chain() public {
        Signature memory sig = _sign(_gift(), GIVER_KEY);
        Pledges here = pledges;
        pledges = new Pledges(token);
        _expectInvalid(_gift(), sig);
        pledges = here;
        vm.chainId(10);
        _expectInvalid(_gift(), sig);
    }

    function test_cancelled_by_the_giver() public {
        Pledges.Gift memory gift = _gift();
        bytes32 id = pledges.giftId(gift);
        Signature memory sig = _signCancel(token, GIVER_KEY, id);
        token.cancelAuthorization(giver, id, sig.v, sig.r, sig.s);
        _expect(
            gift, _sign(gift, GIVER_KEY), abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, giver, id)
        );
    }

    function test_the_signature_is_no_use_at_the_token() public {
        Pledges.Gift memory gift = _gift();
        bytes32 id = pledges.giftId(gift);
        Signature memory sig = _sign(gift, GIVER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(pledges)));
        vm.prank(mallory);
        token.receiveWithAuthorization(
            giver, address(pledges), 5.25 ether, 0, gift.validBefore, id, sig.v, sig.r, sig.s
        );
        vm.expectRevert(INVALID);
        token.transferWithAuthorization(
            giver, address(pledges), 5.25 ether, 0, gift.validBefore, id, sig.v, sig.r, sig.s
        );
    }
}
