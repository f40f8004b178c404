// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../../src/Checkout.sol";
import {CheckoutTest} from "../support/CheckoutTest.sol";
import {OtherToken} from "../support/weird/Assets.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev buyWithPermit: the allowance comes in the same transaction.
contract BuyWithPermitTest is CheckoutTest {
    function _permit(uint256 key, uint256 value, uint256 deadline) private view returns (Signature memory) {
        return _signPermit(token, key, address(checkout), value, token.nonces(vm.addr(key)), deadline);
    }

    function _submit(uint256 deadline, Signature memory sig) private {
        vm.prank(buyer);
        checkout.buyWithPermit(_terms(), _order(), deadline, sig.v, sig.r, sig.s);
    }

    function _expectNoAllowance(uint256 has) private {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(checkout), has, 1 ether)
        );
    }

    function test_without_an_allowance_before() public {
        vm.recordLogs();
        _submit(_now(), _permit(BUYER_KEY, 10 ether, _now()));
        _assertBought(_lastLog(), _terms(), _order());
        _assertAllPaid();
        _assertBalance(buyer, 990 ether, "the price and nothing else");
        vm.assertEq(token.allowance(buyer, address(checkout)), 0, "no allowance is left");
    }

    function test_a_permit_that_somebody_submitted_first() public {
        Signature memory sig = _permit(BUYER_KEY, 10 ether, _now());
        vm.prank(mallory);
        token.permit(buyer, address(checkout), 10 ether, _now(), sig.v, sig.r, sig.s);
        _submit(_now(), sig);
        _assertAllPaid();
    }

    function test_a_permit_is_for_the_price() public {
        Signature memory sig = _permit(BUYER_KEY, 11 ether, _now());
        _expectNoAllowance(0);
        _submit(_now(), sig);
    }

    function test_a_permit_of_somebody_else_or_too_late() public {
        Signature memory sig = _permit(MALLORY_KEY, 10 ether, _now());
        _expectNoAllowance(0);
        _submit(_now(), sig);
        sig = _permit(BUYER_KEY, 10 ether, _now() - 1);
        _expectNoAllowance(0);
        _submit(_now() - 1, sig);
    }

    function test_the_buyer_alone() public {
        Signature memory sig = _permit(BUYER_KEY, 10 ether, _now());
        vm.expectRevert(abi.encodeWithSelector(Checkout.NotTheBuyer.selector, mallory));
        vm.prank(mallory);
        checkout.buyWithPermit(_terms(), _order(), _now(), sig.v, sig.r, sig.s);
    }

    function test_once() public {
        _submit(_now(), _permit(BUYER_KEY, 10 ether, _now()));
        Signature memory sig = _permit(BUYER_KEY, 10 ether, _now());
        bytes32 id = checkout.purchaseId(_terms(), _order());
        vm.expectRevert(abi.encodeWithSelector(Checkout.BoughtAlready.selector, id));
        _submit(_now(), sig);
    }

    function test_a_token_without_permits_needs_an_allowance() public {
        OtherToken other = new OtherToken(buyer, 10 ether);
        Checkout.Terms memory terms = _terms();
        terms.asset = address(other);
        Signature memory sig = _permit(BUYER_KEY, 10 ether, _now());
        _expectNoAllowance(0);
        vm.prank(buyer);
        checkout.buyWithPermit(terms, _order(), _now(), sig.v, sig.r, sig.s);
        _approve(other, 10 ether);
        vm.prank(buyer);
        checkout.buyWithPermit(terms, _order(), _now(), sig.v, sig.r, sig.s);
        vm.assertEq(other.balanceOf(seller), 6.75 ether, "the allowance was enough");
    }
}
