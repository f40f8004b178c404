// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AuthorizationRules} from "../support/AuthorizationRules.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev receiveWithAuthorization: the receiver alone may submit it.
contract ReceiveWithAuthorizationTest is AuthorizationRules {
    function _sign(uint256 key, Authorization memory a) internal view override returns (Signature memory) {
        return _signReceive(token, key, a);
    }

    function _submit(Authorization memory a, Signature memory sig) internal override {
        _submitAs(a.to, a, sig);
    }

    function _submitAs(address by, Authorization memory a, Signature memory sig) private {
        vm.prank(by);
        token.receiveWithAuthorization(a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, sig.v, sig.r, sig.s);
    }

    function test_submitted_by_somebody_else() public {
        Authorization memory a = _authorization();
        Signature memory sig = _sign(ALICE_KEY, a);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, bob));
        _submitAs(mallory, a, sig);
    }

    function test_signed_to_be_transferred() public {
        Authorization memory a = _authorization();
        Signature memory sig = _signTransfer(token, ALICE_KEY, a);
        _expectInvalid();
        _submit(a, sig);
    }
}
