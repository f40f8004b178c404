// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Token} from "../../src/Token.sol";
import {TokenTest} from "../support/TokenTest.sol";
import {Vm} from "../support/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @dev What the token is born with, and what it never has.
contract TokenConstructionTest is TokenTest {
    function test_name() public view {
        vm.assertEq(token.name(), "Earnest", "name");
        vm.assertEq(token.symbol(), "ERN", "symbol");
        vm.assertEq(token.decimals(), 18, "decimals");
    }

    function test_all_of_it_to_the_initial_holder() public {
        vm.recordLogs();
        Token fresh = new Token(bob, 42);
        vm.assertEq(fresh.totalSupply(), 42, "the supply");
        vm.assertEq(fresh.balanceOf(bob), 42, "is bob's");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "one transfer");
        vm.assertEq(logs[0].topics[1], 0, "from nobody");
    }

    function test_nobody_to_hold_it() public {
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        new Token(address(0), 1);
    }

    function test_domain() public view {
        vm.assertEq(token.DOMAIN_SEPARATOR(), _domain(address(token)), "put together by hand");
        (, string memory name, string memory version, uint256 chain, address where,,) = token.eip712Domain();
        vm.assertEq(name, "Earnest", "name");
        vm.assertEq(version, "1", "version");
        vm.assertEq(chain, block.chainid, "chain");
        vm.assertEq(where, address(token), "contract");
    }

    function test_domain_follows_the_chain() public {
        vm.chainId(10);
        vm.assertEq(token.DOMAIN_SEPARATOR(), _domain(address(token)), "after a split it is another domain");
    }

    /// @dev None of the powers that tokens are often born with.
    function test_no_powers() public {
        string[8] memory powers = [
            "owner()",
            "mint(address,uint256)",
            "pause()",
            "transferOwnership(address)",
            "upgradeTo(address)",
            "upgradeToAndCall(address,bytes)",
            "blacklist(address)",
            "grantRole(bytes32,address)"
        ];
        bytes memory arguments = abi.encode(alice, 1, 1, 1); // such as would work, if anything did
        for (uint256 i = 0; i < powers.length; ++i) {
            vm.prank(treasury);
            (bool done,) = address(token).call(bytes.concat(bytes4(keccak256(bytes(powers[i]))), arguments));
            vm.assertTrue(!done, powers[i]);
        }
    }
}
