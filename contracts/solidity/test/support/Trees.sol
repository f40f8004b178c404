// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Trees as OpenZeppelin's JavaScript builds them (leaves left as they come), for as many leaves as a test has.
library Trees {
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        return _nodes(leaves)[0];
    }

    function proof(bytes32[] memory leaves, uint256 which) internal pure returns (bytes32[] memory found) {
        bytes32[] memory nodes = _nodes(leaves);
        uint256 place = nodes.length - 1 - which;
        uint256 steps;
        for (uint256 i = place; i > 0; i = (i - 1) / 2) {
            ++steps;
        }
        found = new bytes32[](steps);
        for (uint256 i = 0; i < steps; ++i) {
            found[i] = nodes[place % 2 == 0 ? place - 1 : place + 1];
            place = (place - 1) / 2;
        }
    }

    function _nodes(bytes32[] memory leaves) private pure returns (bytes32[] memory nodes) {
        uint256 count = leaves.length;
        nodes = new bytes32[](2 * count - 1);
        for (uint256 i = 0; i < count; ++i) {
            nodes[nodes.length - 1 - i] = leaves[i];
        }
        for (uint256 i = count - 1; i > 0; --i) {
            (bytes32 a, bytes32 b) = (nodes[2 * i - 1], nodes[2 * i]);
            nodes[i - 1] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        }
    }
}
