// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Token} from "../../src/Token.sol";
import {Test} from "./Test.sol";

/// @dev Signs what the token understands. Type strings are written out: they are what wallets show.
abstract contract Signing is Test {
    struct Signature {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    struct Authorization {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }

    function _signPermit(Token token, uint256 key, address spender, uint256 value, uint256 nonce, uint256 deadline)
        internal
        view
        returns (Signature memory)
    {
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        return _signed(token, key, keccak256(abi.encode(kind, vm.addr(key), spender, value, nonce, deadline)));
    }

    function _signReceive(Token token, uint256 key, Authorization memory a) internal view returns (Signature memory) {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        return _signed(token, key, keccak256(abi.encode(kind, a)));
    }

    function _signTransfer(Token token, uint256 key, Authorization memory a) internal view returns (Signature memory) {
        bytes32 kind = keccak256(
            "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        return _signed(token, key, keccak256(abi.encode(kind, a)));
    }

    function _signCancel(Token token, uint256 key, bytes32 nonce) internal view returns (Signature memory) {
        bytes32 kind = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");
        return _signed(token, key, keccak256(abi.encode(kind, vm.addr(key), nonce)));
    }

    /// @dev The domain is put together here by hand, so that a changed name or version breaks the tests.
    function _domain(address token) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Earnest"),
                keccak256("1"),
                block.chainid,
                token
            )
        );
    }

    function _signed(Token token, uint256 key, bytes32 structHash) private view returns (Signature memory sig) {
        (sig.v, sig.r, sig.s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", _domain(address(token)), structHash)));
    }
}
