// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Answers the question for a signature in a way of its own: the signature's first byte says which.
contract HostileWallet {
    bytes4 private constant MAGIC = 0x1626ba7e;

    function isValidSignature(bytes32, bytes calldata signature) external pure returns (bytes4) {
        uint8 way = uint8(signature[0]);
        if (way == 0) return MAGIC;
        if (way == 1) revert("no");
        if (way == 2) while (true) {}
        assembly ("memory-safe") {
            switch way
            case 3 { return(0, 0) } // nothing
            case 4 {
                mstore(0, 0x1626ba7e)
                return(0, 32)
            } // the magic at the wrong end
            case 5 {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 4)
            } // four bytes of it
            case 6 {
                mstore(0, or(shl(224, 0x1626ba7e), 1))
                return(0, 32)
            } // with dirt behind it
            case 7 { return(0, 500000) } // very much of nothing
            case 8 { invalid() }
            case 9 {
                mstore(0, 1)
                return(0, 32)
            } // true
        }
        return 0;
    }
}
