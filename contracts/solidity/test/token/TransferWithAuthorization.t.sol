// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AuthorizationRules} from "../support/AuthorizationRules.sol";

/// @dev transferWithAuthorization: anybody may submit it.
contract TransferWithAuthorizationTest is AuthorizationRules {
    function _sign(uint256 key, Authorization memory a) internal view override returns (Signature memory) {
        return _signTransfer(token, key, a);
    }

    function _submit(Authorization memory a, Signature memory sig) internal override {
        vm.prank(mallory);
        token.transferWithAuthorization(
            a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, sig.v, sig.r, sig.s
        );
    }

    function test_signed_to_be_received() public {
        Authorization memory a = _authorization();
        Signature memory sig = _signReceive(token, ALICE_KEY, a);
        _expectInvalid();
        _submit(a, sig);
    }
}
