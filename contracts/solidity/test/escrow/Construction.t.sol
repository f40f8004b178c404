// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {Token} from "../../src/Token.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

/// @dev What an escrow is born with, and what it never has.
contract EscrowConstructionTest is EscrowTest {
    function test_token() public view {
        vm.assertEq(address(escrow.token()), address(token), "its one token");
    }

    function test_constants() public view {
        vm.assertEq(escrow.FORFEIT_DELAY(), 172_800, "48 hours");
        vm.assertEq(escrow.MAX_DURATION(), 5_184_000, "60 days");
    }

    function test_no_token() public {
        vm.expectRevert(ContactEscrow.ZeroToken.selector);
        new ContactEscrow(Token(address(0)));
    }

    function test_takes_no_ether() public {
        (bool done,) = address(escrow).call{value: 1}("");
        vm.assertTrue(!done, "no plain ether");
        (done,) = address(escrow).call{value: 1}(abi.encodeCall(escrow.open, (_terms())));
        vm.assertTrue(!done, "nor with a call");
    }

    function test_states_in_order() public pure {
        vm.assertEq(uint256(ContactEscrow.State.None), 0, "None");
        vm.assertEq(uint256(ContactEscrow.State.Open), 1, "Open");
        vm.assertEq(uint256(ContactEscrow.State.ForfeitAnnounced), 2, "ForfeitAnnounced");
        vm.assertEq(uint256(ContactEscrow.State.Returned), 3, "Returned");
        vm.assertEq(uint256(ContactEscrow.State.Forfeited), 4, "Forfeited");
        vm.assertEq(uint256(ContactEscrow.State.Expired), 5, "Expired");
    }

    /// @dev The mapping is slot 0 and a stake is one slot: state in the low byte, executableAt above it.
    function test_one_slot_a_stake() public {
        bytes32 id = _announced(_terms());
        uint256 slot = uint256(keccak256(abi.encode(id, uint256(0))));
        uint256 word = uint256(vm.load(address(escrow), bytes32(slot)));
        vm.assertEq(word & 0xff, uint256(ContactEscrow.State.ForfeitAnnounced), "state");
        vm.assertEq(word >> 8, _now() + 48 hours, "executableAt");
        vm.assertEq(uint256(vm.load(address(escrow), bytes32(slot + 1))), 0, "and nothing after it");
    }
}
