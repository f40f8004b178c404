// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RewardDistributor} from "../../src/RewardDistributor.sol";
import {Token} from "../../src/Token.sol";
import {RewardHandler} from "../support/RewardHandler.sol";
import {Test} from "../support/Test.sol";

/// @dev Against any sequence of right and wrong roots, of claims and of time: nobody is paid twice or more than a list
/// that counted gave, no more is paid than was funded, and wrong roots cost their own epochs' budgets at most.
contract DistributorInvariants is Test {
    uint256 private constant GREAT_SUPPLY = 1e30;
    address private constant TREASURY = address(0x7EA5);
    Token private token;
    RewardHandler private handler;
    RewardDistributor private distributor;

    function setUp() public {
        token = new Token(TREASURY, GREAT_SUPPLY);
        handler = new RewardHandler(token);
        distributor = handler.distributor();
        vm.prank(TREASURY);
        token.approve(address(distributor), GREAT_SUPPLY);
        vm.prank(TREASURY);
        token.transfer(address(handler), GREAT_SUPPLY / 2);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_promises() external view {
        _assertNoMoreThanFunded();
        _assertAWrongRootHarmsOneEpoch();
    }

    function _assertNoMoreThanFunded() private view {
        vm.assertLe(handler.paid(), handler.funded(), "no more is paid than the epochs' budgets");
        uint256 kept = distributor.left() + distributor.earlierLeft();
        vm.assertEq(handler.paid() + kept, handler.funded(), "what is not paid is there");
        vm.assertEq(token.balanceOf(address(distributor)), kept + handler.strays(), "to the unit");
        for (uint256 i = 0; i < 5; ++i) {
            address who = handler.people(i);
            vm.assertEq(distributor.claimed(who), handler.had(i), "what each has had");
            vm.assertEq(token.balanceOf(who), handler.had(i), "and has");
        }
    }

    function _assertAWrongRootHarmsOneEpoch() private view {
        vm.assertLe(handler.had(4), handler.lost(), "the thief has at most the budgets of wrong epochs");
        (uint256 due, uint256 there) = handler.due();
        vm.assertLe(due, there, "what right roots gave is there, whatever wrong ones took");
        (due, there) = handler.dueBefore();
        vm.assertLe(due, there, "and what the root before gave can be claimed under it");
    }
}
