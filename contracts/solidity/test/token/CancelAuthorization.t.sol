// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TokenTest} from "../support/TokenTest.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @dev cancelAuthorization: the authorizer's word takes an unused nonce away.
contract CancelAuthorizationTest is TokenTest {
    bytes32 private constant NONCE = keccak256("nonce");

    function _cancel(Signature memory sig) private {
        vm.prank(mallory);
        token.cancelAuthorization(alice, NONCE, sig.v, sig.r, sig.s);
    }

    function test_cancels() public {
        _cancel(_signCancel(token, ALICE_KEY, NONCE));
        vm.assertTrue(token.authorizationState(alice, NONCE), "gone");
        vm.assertTrue(!token.authorizationState(bob, NONCE), "nobody else's");
    }

    function test_twice() public {
        _cancel(_signCancel(token, ALICE_KEY, NONCE));
        Signature memory sig = _signCancel(token, ALICE_KEY, NONCE);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, alice, NONCE));
        _cancel(sig);
    }

    function test_somebody_elses_signature() public {
        Signature memory sig = _signCancel(token, MALLORY_KEY, NONCE);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        _cancel(sig);
    }

    function test_another_nonce() public {
        Signature memory sig = _signCancel(token, ALICE_KEY, keccak256("another"));
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        _cancel(sig);
    }
}
