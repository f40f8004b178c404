// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GiftHandler} from "../support/GiftHandler.sol";
import {PledgesTest} from "../support/PledgesTest.sol";
import {Pledges} from "../../src/Pledges.sol";
import {Token} from "../../src/Token.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @dev Against any sequence of gifts: nothing given ever stays here, and each cause has what it was told to have got.
contract PledgesInvariants is PledgesTest {
    uint256 private constant GREAT_SUPPLY = 1e30;
    GiftHandler private handler;

    function setUp() public override {
        token = new Token(treasury, GREAT_SUPPLY);
        pledges = new Pledges(token);
        handler = new GiftHandler(token, pledges);
        vm.prank(treasury);
        token.transfer(address(handler), GREAT_SUPPLY);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_nothing_stays() external view {
        vm.assertEq(address(pledges).balance, 0, "no ether");
        IERC20[3] memory assets = [IERC20(token), IERC20(handler.other()), IERC20(handler.cutting())];
        for (uint256 i = 0; i < assets.length; ++i) {
            address asset = address(assets[i]);
            vm.assertEq(assets[i].balanceOf(address(pledges)), handler.strays(asset), "strays alone");
            _assertArrived(assets[i]);
        }
        for (uint256 i = 0; i < 4; ++i) {
            address to = handler.causes(i);
            vm.assertEq(to.balance, handler.arrived(address(0), to), "ether that arrived");
        }
    }

    function _assertArrived(IERC20 asset) private view {
        for (uint256 i = 0; i < 4; ++i) {
            address to = handler.causes(i);
            vm.assertEq(asset.balanceOf(to), handler.arrived(address(asset), to), "tokens that arrived");
        }
    }
}
