// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title Asks a wallet whether a signature is its own, also one that is not deployed yet (ERC-6492)
/// @notice Never deployed. A node runs the creation code in an `eth_call`, which changes nothing, and what the
/// constructor returns in place of code is the answer: one word, 1 for yes. Whatever else happens is a no.
/// @dev The factory is whatever the signer names, so anything may run here; it has no rights, no ether and as much gas
/// as the caller gives. It is asked only where nothing stands at the wallet's address: a wallet that stands is asked as
/// it is, for else a signer could first bring about whatever makes it say yes.
contract SignatureCheck {
    error NotDeployed();

    constructor(IERC1271 wallet, bytes32 digest, address factory, bytes memory deployment, bytes memory signature) {
        if (address(wallet).code.length == 0) {
            // slither-disable-next-line missing-zero-check,low-level-calls
            (bool deployed,) = factory.call(deployment);
            if (!deployed) revert NotDeployed();
        }
        bool says = wallet.isValidSignature(digest, signature) == IERC1271.isValidSignature.selector;
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            mstore(0, says)
            return(0, 32)
        }
    }
}
