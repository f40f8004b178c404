// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TokenTest} from "../support/TokenTest.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @dev permit: an allowance by signature (EIP-2612).
contract PermitTest is TokenTest {
    function _permit(Signature memory sig, uint256 value, uint256 deadline) private {
        vm.prank(mallory);
        token.permit(alice, bob, value, deadline, sig.v, sig.r, sig.s);
    }

    function _invalid() private {
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
    }

    function test_gives_the_allowance() public {
        _permit(_signPermit(token, ALICE_KEY, bob, 7, 0, _now()), 7, _now());
        vm.assertEq(token.allowance(alice, bob), 7, "given");
        vm.assertEq(token.nonces(alice), 1, "used");
    }

    function test_replaces_the_allowance() public {
        vm.prank(alice);
        token.approve(bob, 100);
        _permit(_signPermit(token, ALICE_KEY, bob, 7, 0, _now()), 7, _now());
        vm.assertEq(token.allowance(alice, bob), 7, "replaced, not added");
    }

    function test_past_its_deadline() public {
        uint256 deadline = _now() - 1;
        Signature memory sig = _signPermit(token, ALICE_KEY, bob, 7, 0, deadline);
        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, deadline));
        _permit(sig, 7, deadline);
    }

    function test_twice() public {
        Signature memory sig = _signPermit(token, ALICE_KEY, bob, 7, 0, _now());
        _permit(sig, 7, _now());
        _invalid();
        _permit(sig, 7, _now());
    }

    function test_somebody_elses_signature() public {
        Signature memory sig = _signPermit(token, MALLORY_KEY, bob, 7, 0, _now());
        _invalid();
        _permit(sig, 7, _now());
    }

    function test_another_value() public {
        Signature memory sig = _signPermit(token, ALICE_KEY, bob, 7, 0, _now());
        _invalid();
        _permit(sig, 8, _now());
    }

    function test_a_nonce_ahead() public {
        Signature memory sig = _signPermit(token, ALICE_KEY, bob, 7, 1, _now());
        _invalid();
        _permit(sig, 7, _now());
    }

    function test_signed_on_another_chain() public {
        Signature memory sig = _signPermit(token, ALICE_KEY, bob, 7, 0, _now());
        vm.chainId(10);
        _invalid();
        _permit(sig, 7, _now());
    }

    function test_owner_zero() public {
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        token.permit(address(0), bob, 7, _now(), 0, 0, 0);
    }
}
