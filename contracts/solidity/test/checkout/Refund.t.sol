// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../../src/Checkout.sol";
import {CheckoutTest} from "../support/CheckoutTest.sol";
import {Vm} from "../support/Test.sol";
import {CuttingToken, LyingToken} from "../support/weird/Assets.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev refund: whoever pays back says what for.
contract RefundTest is CheckoutTest {
    bytes32 private constant PURCHASE = keccak256("a purchase");

    function _refund(address to, IERC20 asset, uint256 amount, bytes memory reason) private {
        if (reason.length > 0) vm.expectRevert(reason);
        vm.prank(seller);
        checkout.refund(PURCHASE, to, asset, amount);
    }

    function setUp() public override {
        super.setUp();
        vm.prank(treasury);
        token.transfer(seller, 100 ether);
        vm.prank(seller);
        token.approve(address(checkout), type(uint256).max);
    }

    function test_straight_back() public {
        vm.recordLogs();
        _refund(buyer, token, 4 ether, "");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "a transfer and what for");
        _assertTransfer(logs[0], seller, buyer, 4 ether);
        vm.assertEq(logs[1].emitter, address(checkout), "it says so itself");
        vm.assertEq(logs[1].topics[0], Checkout.Refunded.selector, "which event");
        vm.assertEq(logs[1].topics[1], PURCHASE, "what for");
        vm.assertEq(address(uint160(uint256(logs[1].topics[2]))), seller, "by whom");
        vm.assertEq(address(uint160(uint256(logs[1].topics[3]))), buyer, "to whom");
        vm.assertEq(logs[1].data, abi.encode(address(token), uint256(4 ether)), "how much of what");
        _assertBalance(address(checkout), 0, "nothing stays");
    }

    function test_in_parts_and_again() public {
        _refund(buyer, token, 4 ether, "");
        _refund(buyer, token, 6 ether, "");
        _assertBalance(buyer, 1_010 ether, "both arrived");
    }

    function test_nothing() public {
        _refund(buyer, token, 0, abi.encodeWithSelector(Checkout.NothingPaid.selector));
    }

    function test_to_nobody_to_itself_to_oneself() public {
        address[3] memory bad = [address(0), address(checkout), seller];
        for (uint256 i = 0; i < bad.length; ++i) {
            _refund(bad[i], token, 1, abi.encodeWithSelector(Checkout.BadPayee.selector, bad[i]));
        }
    }

    function test_no_token() public {
        _refund(buyer, IERC20(anybody), 1, abi.encodeWithSelector(Checkout.NotAToken.selector, anybody));
    }

    function test_with_ones_own_money() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(checkout), 0, 1)
        );
        vm.prank(mallory);
        checkout.refund(PURCHASE, buyer, token, 1);
    }

    function test_exactly_or_not_at_all() public {
        CuttingToken cutting = new CuttingToken(seller, 100);
        vm.prank(seller);
        cutting.approve(address(checkout), 100);
        _refund(buyer, cutting, 100, abi.encodeWithSelector(Checkout.NotPaidExactly.selector, buyer));
        LyingToken lying = new LyingToken(seller, 100);
        _refund(buyer, lying, 100, abi.encodeWithSelector(Checkout.NotPaidExactly.selector, buyer));
    }
}
