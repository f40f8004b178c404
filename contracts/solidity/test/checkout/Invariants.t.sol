// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../../src/Checkout.sol";
import {Token} from "../../src/Token.sol";
import {CheckoutTest} from "../support/CheckoutTest.sol";
import {PurchaseHandler} from "../support/PurchaseHandler.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @dev Against any sequence of purchases and refunds: nothing paid ever stays here, every purchase is paid once, all of
/// its price, and everybody has what the terms say.
contract CheckoutInvariants is CheckoutTest {
    uint256 private constant GREAT_SUPPLY = 1e30;
    PurchaseHandler private handler;

    function setUp() public override {
        token = new Token(treasury, GREAT_SUPPLY);
        checkout = new Checkout(token);
        handler = new PurchaseHandler(token, checkout);
        vm.prank(treasury);
        token.transfer(address(handler), GREAT_SUPPLY);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_nothing_stays_and_everybody_is_paid() external view {
        vm.assertEq(address(checkout).balance, 0, "no ether");
        IERC20[3] memory assets = [IERC20(token), IERC20(handler.other()), IERC20(handler.cutting())];
        for (uint256 i = 0; i < assets.length; ++i) {
            address asset = address(assets[i]);
            vm.assertEq(assets[i].balanceOf(address(checkout)), handler.strays(asset), "strays alone");
            for (uint256 j = 0; j < handler.count(); ++j) {
                address to = handler.payees(j);
                vm.assertEq(assets[i].balanceOf(to), handler.due(asset, to), "what the terms say");
            }
        }
    }
}
