// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Token} from "../../src/Token.sol";
import {Signing} from "./Signing.sol";

/// @dev A token, and a few who have some.
abstract contract TokenTest is Signing {
    uint256 internal constant SUPPLY = 1_000_000 ether;
    uint256 internal constant ALICE_KEY = 0xa11ce;
    uint256 internal constant MALLORY_KEY = 0xbad;
    address internal immutable alice = vm.addr(ALICE_KEY);
    address internal immutable mallory = vm.addr(MALLORY_KEY);
    address internal constant bob = address(0xB0B);
    address internal constant treasury = address(0x7EA5);
    Token internal token;

    function setUp() public virtual {
        token = new Token(treasury, SUPPLY);
        vm.prank(treasury);
        token.transfer(alice, 100 ether);
    }

    function _assertBalance(address who, uint256 wanted, string memory because) internal view {
        vm.assertEq(token.balanceOf(who), wanted, because);
    }
}
