// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

/// @dev stakeId: one number that binds chain, escrow and every term.
contract StakeIdTest is EscrowTest {
    function test_layout() public view {
        ContactEscrow.Terms memory t = _terms();
        bytes memory first = abi.encode(block.chainid, address(escrow), t.payer, t.returnTo, t.amount, t.fee);
        bytes memory second = abi.encode(t.feePayee, t.relayFee, t.relayReceiver, t.resolver, t.guardian);
        bytes memory third = abi.encode(t.answerBy, t.quoteExpiry, t.commitment);
        vm.assertEq(escrow.stakeId(t), keccak256(bytes.concat(first, second, third)), "fourteen words, in order");
    }

    /// @dev Word by word: what any other language has to hash.
    function test_known_value() public {
        ContactEscrow.Terms memory terms = ContactEscrow.Terms({
            payer: address(1),
            returnTo: address(2),
            amount: 3,
            fee: 4,
            feePayee: address(5),
            relayFee: 6,
            relayReceiver: address(7),
            resolver: address(8),
            guardian: address(9),
            answerBy: 10,
            quoteExpiry: 11,
            commitment: bytes32(uint256(12))
        });
        vm.chainId(1);
        bytes memory words;
        for (uint256 word = 1; word <= 12; ++word) {
            words = abi.encodePacked(words, word);
        }
        bytes32 wanted = keccak256(abi.encodePacked(uint256(1), uint256(uint160(address(escrow))), words));
        vm.assertEq(escrow.stakeId(terms), wanted, "chain, escrow, one to twelve");
    }

    function testFuzz_every_bit_counts(ContactEscrow.Terms memory terms, uint256 bit) public view {
        bytes memory words = abi.encode(terms);
        uint256 field = (bit >> 8) % 12;
        uint256 width = field == 2 || field == 3 || field == 5 || field == 11 ? 256 : field > 8 ? 64 : 160;
        uint256 offset = 32 * (field + 1);
        uint256 flip = 1 << ((bit & 0xff) % width);
        assembly {
            let word := add(words, offset)
            mstore(word, xor(mload(word), flip))
        }
        ContactEscrow.Terms memory other = abi.decode(words, (ContactEscrow.Terms));
        vm.assertNotEq(escrow.stakeId(terms), escrow.stakeId(other), "one bit, another id");
    }

    function test_another_chain() public {
        ContactEscrow.Terms memory terms = _terms();
        bytes32 here = escrow.stakeId(terms);
        vm.chainId(10);
        vm.assertNotEq(escrow.stakeId(terms), here, "another chain, another id");
    }

    function test_another_escrow() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.assertNotEq(new ContactEscrow(token).stakeId(terms), escrow.stakeId(terms), "another escrow, another id");
    }

    /// @dev Bits above an address or a time would make two encodings of one stake. They are refused.
    function test_dirty_calldata() public {
        bytes memory clean = abi.encodeCall(escrow.stakeId, (_terms()));
        (bool done,) = address(escrow).call(clean);
        vm.assertTrue(done, "clean words are taken");
        uint256[8] memory narrow = [uint256(0), 1, 4, 6, 7, 8, 9, 10];
        for (uint256 i = 0; i < narrow.length; ++i) {
            bytes memory dirty = bytes.concat(clean);
            dirty[4 + 32 * narrow[i]] = 0x01;
            (done,) = address(escrow).call(dirty);
            vm.assertTrue(!done, "dirty words are not");
        }
    }
}
