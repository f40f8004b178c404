// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TokenTest} from "./TokenTest.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev What holds for both ways to transfer by authorization (EIP-3009).
abstract contract AuthorizationRules is TokenTest {
    function _sign(uint256 key, Authorization memory a) internal view virtual returns (Signature memory);

    /// @dev Submitted as whoever may submit it.
    function _submit(Authorization memory a, Signature memory sig) internal virtual;

    function _authorization() internal view returns (Authorization memory) {
        return Authorization(alice, bob, 7 ether, 0, _now() + 1, keccak256("nonce"));
    }

    function _expectInvalid() internal {
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
    }

    function _expectOutOfTime(Authorization memory a) private {
        vm.expectRevert(
            abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, a.validAfter, a.validBefore)
        );
    }

    function _expectUsed(Authorization memory a) private {
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, a.from, a.nonce));
    }

    function test_moves_the_value() public {
        Authorization memory a = _authorization();
        _submit(a, _sign(ALICE_KEY, a));
        _assertBalance(alice, 93 ether, "from");
        _assertBalance(bob, 7 ether, "to");
        vm.assertTrue(token.authorizationState(alice, a.nonce), "used");
    }

    function test_last_second() public {
        Authorization memory a = _authorization();
        a.validBefore = _now() + 10;
        Signature memory sig = _sign(ALICE_KEY, a);
        vm.warp(a.validBefore - 1);
        _submit(a, sig);
        _assertBalance(bob, 7 ether, "in time");
    }

    function test_too_late() public {
        Authorization memory a = _authorization();
        a.validBefore = _now();
        Signature memory sig = _sign(ALICE_KEY, a);
        _expectOutOfTime(a);
        _submit(a, sig);
    }

    function test_first_second() public {
        Authorization memory a = _authorization();
        a.validAfter = _now() - 1;
        _submit(a, _sign(ALICE_KEY, a));
        _assertBalance(bob, 7 ether, "from now on");
    }

    function test_too_early() public {
        Authorization memory a = _authorization();
        a.validAfter = _now();
        Signature memory sig = _sign(ALICE_KEY, a);
        _expectOutOfTime(a);
        _submit(a, sig);
    }

    /// @dev OpenZeppelin's dual clock: with bit 47 in both bounds, they are block numbers.
    function test_bounds_in_blocks() public {
        uint256 flag = 1 << 47;
        Authorization memory a = _authorization();
        (a.validAfter, a.validBefore) = (flag | (block.number - 1), flag | (block.number + 1));
        _submit(a, _sign(ALICE_KEY, a));
        a.nonce = 0;
        a.validBefore = flag | block.number;
        Signature memory sig = _sign(ALICE_KEY, a);
        _expectOutOfTime(a);
        _submit(a, sig);
    }

    function test_twice() public {
        Authorization memory a = _authorization();
        Signature memory sig = _sign(ALICE_KEY, a);
        _submit(a, sig);
        _expectUsed(a);
        _submit(a, sig);
    }

    function test_two_at_once_in_any_order() public {
        Authorization memory a = _authorization();
        Authorization memory b = _authorization();
        b.nonce = keccak256("another");
        _submit(b, _sign(ALICE_KEY, b));
        _submit(a, _sign(ALICE_KEY, a));
        _assertBalance(bob, 14 ether, "both");
    }

    function test_cancelled() public {
        Authorization memory a = _authorization();
        Signature memory cancel = _signCancel(token, ALICE_KEY, a.nonce);
        token.cancelAuthorization(alice, a.nonce, cancel.v, cancel.r, cancel.s);
        Signature memory sig = _sign(ALICE_KEY, a);
        _expectUsed(a);
        _submit(a, sig);
    }

    function test_more_than_there_is() public {
        Authorization memory a = _authorization();
        a.value = 100 ether + 1;
        Signature memory sig = _sign(ALICE_KEY, a);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, alice, 100 ether, 100 ether + 1)
        );
        _submit(a, sig);
        vm.assertTrue(!token.authorizationState(alice, a.nonce), "not used up by failing");
    }

    function test_somebody_elses_signature() public {
        Authorization memory a = _authorization();
        Signature memory sig = _sign(MALLORY_KEY, a);
        _expectInvalid();
        _submit(a, sig);
    }

    function test_signed_on_another_chain() public {
        Authorization memory a = _authorization();
        Signature memory sig = _sign(ALICE_KEY, a);
        vm.chainId(10);
        _expectInvalid();
        _submit(a, sig);
    }

    function test_any_part_changed() public {
        Authorization memory a = _authorization();
        Signature memory sig = _sign(ALICE_KEY, a);
        for (uint256 part = 0; part < 5; ++part) {
            Authorization memory b = abi.decode(abi.encode(a), (Authorization));
            if (part == 0) b.from = treasury;
            if (part == 1) b.to = mallory;
            if (part == 2) b.value += 1;
            if (part == 3) b.validBefore += 1;
            if (part == 4) b.nonce = 0;
            _expectInvalid();
            _submit(b, sig);
        }
    }
}
