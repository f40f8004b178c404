// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RewardDistributor} from "../../src/RewardDistributor.sol";
import {Token} from "../../src/Token.sol";
import {Test, Vm} from "./Test.sol";
import {Trees} from "./Trees.sol";

/// @dev A token, the contract that pays operators, its roles, and three operators.
abstract contract DistributorTest is Test {
    uint256 internal constant SUPPLY = 1_000_000 ether;
    uint256 internal constant MAX_BUDGET = 1_000 ether;
    bytes32 internal constant TRANSFER = keccak256("Transfer(address,address,uint256)");

    address internal constant treasury = address(uint160(uint256(keccak256("treasury"))));
    address internal constant proposer = address(uint160(uint256(keccak256("proposer"))));
    address internal constant guardian = address(uint160(uint256(keccak256("guardian"))));
    address internal constant anybody = address(uint160(uint256(keccak256("anybody"))));
    address internal constant thief = address(uint160(uint256(keccak256("thief"))));

    Token internal token;
    RewardDistributor internal distributor;
    address[] internal payees;

    function setUp() public virtual {
        token = new Token(treasury, SUPPLY);
        distributor = new RewardDistributor(token, treasury, proposer, guardian, MAX_BUDGET);
        vm.prank(treasury);
        token.approve(address(distributor), SUPPLY);
        payees = [
            address(uint160(uint256(keccak256("first")))),
            address(uint160(uint256(keccak256("second")))),
            address(uint160(uint256(keccak256("third"))))
        ];
    }

    /// @dev The leaves of the three, with these sums.
    function _leaves(uint256 a, uint256 b, uint256 c) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](3);
        leaves[0] = distributor.leaf(payees[0], a);
        leaves[1] = distributor.leaf(payees[1], b);
        leaves[2] = distributor.leaf(payees[2], c);
    }

    /// @dev A list on which the thief alone stands.
    function _stolen(uint256 cumulative) internal view returns (bytes32) {
        return distributor.leaf(thief, cumulative);
    }

    function _propose(bytes32 root, uint256 budget, bool replaces) internal {
        uint64 epoch = distributor.epoch() + 1;
        vm.prank(proposer);
        distributor.propose(epoch, root, budget, replaces);
    }

    /// @dev Propose, wait, accept.
    function _counts(bytes32 root, uint256 budget, bool replaces) internal {
        _propose(root, budget, replaces);
        vm.warp(_now() + 72 hours);
        vm.prank(anybody);
        distributor.accept(root);
    }

    function _counts(bytes32[] memory leaves, uint256 budget) internal {
        _counts(Trees.root(leaves), budget, false);
    }

    function _claim(uint256 who, uint256 cumulative, bytes32[] memory leaves) internal {
        vm.prank(anybody);
        distributor.claim(payees[who], cumulative, Trees.root(leaves), Trees.proof(leaves, who));
    }

    function _claimExpecting(bytes memory reason, uint256 who, uint256 cumulative, bytes32[] memory leaves) internal {
        bytes32[] memory proof = Trees.proof(leaves, who);
        bytes32 root = Trees.root(leaves);
        vm.expectRevert(reason);
        vm.prank(anybody);
        distributor.claim(payees[who], cumulative, root, proof);
    }

    function _steal(uint256 cumulative) internal {
        vm.prank(thief);
        distributor.claim(thief, cumulative, _stolen(cumulative), new bytes32[](0));
    }

    function _stealExpecting(bytes memory reason, uint256 cumulative) internal {
        bytes32 root = _stolen(cumulative);
        vm.expectRevert(reason);
        vm.prank(thief);
        distributor.claim(thief, cumulative, root, new bytes32[](0));
    }

    function _assertBalance(address who, uint256 wanted, string memory because) internal view {
        vm.assertEq(token.balanceOf(who), wanted, because);
    }

    /// @dev The log is a transfer by the token.
    function _assertTransfer(Vm.Log memory log, address from, address to, uint256 value) internal view {
        vm.assertEq(log.emitter, address(token), "the token says so");
        vm.assertEq(log.topics[0], TRANSFER, "it is a transfer");
        vm.assertEq(address(uint160(uint256(log.topics[1]))), from, "from");
        vm.assertEq(address(uint160(uint256(log.topics[2]))), to, "to");
        vm.assertEq(abi.decode(log.data, (uint256)), value, "value");
    }
}
