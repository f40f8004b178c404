// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The few of forge's cheat codes that these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assertEq(bool a, bool b, string calldata because) external pure;
    function assertEq(uint256 a, uint256 b, string calldata because) external pure;
    function assertEq(address a, address b, string calldata because) external pure;
    function assertEq(bytes32 a, bytes32 b, string calldata because) external pure;
    function assertEq(bytes calldata a, bytes calldata b, string calldata because) external pure;
    function assertEq(string calldata a, string calldata b, string calldata because) external pure;
    function assertGt(uint256 a, uint256 b, string calldata because) external pure;
    function assertLe(uint256 a, uint256 b, string calldata because) external pure;
    function assertNotEq(bytes32 a, bytes32 b, string calldata because) external pure;
    function assertTrue(bool condition, string calldata because) external pure;
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function deal(address who, uint256 wei_) external;
    function expectPartialRevert(bytes4 reason) external;
    function expectRevert(bytes calldata reason) external;
    function expectRevert(bytes4 reason) external;
    function getBlockTimestamp() external view returns (uint256);
    function getRecordedLogs() external returns (Log[] memory);
    function load(address target, bytes32 slot) external view returns (bytes32);
    function prank(address sender) external;
    function recordLogs() external;
    function roll(uint256 number) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function warp(uint256 timestamp) external;
}

/// @dev What every test stands on.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev Fold any number into [low, high]; the ends come up as often as the rest lets them.
    function _within(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        if (x >= low && x <= high) return x;
        uint256 size = high - low + 1;
        return size == 0 ? x : low + (x % size);
    }

    /// @dev With the optimiser of the IR, `block.timestamp` is read once a function, however time is moved.
    function _now() internal view returns (uint256) {
        return vm.getBlockTimestamp();
    }
}
