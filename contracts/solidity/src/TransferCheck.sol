// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Tries out a transfer that somebody signed, in a token whose code is a stranger's
/// @notice Never deployed. A node runs the creation code in an `eth_call`, which changes nothing, and what the
/// constructor returns in place of code is the answer: one word, 1 where exactly the amount went from the one to the
/// other. A call that fails takes this down with it, with whatever the token says of it.
/// @dev Anything may run here: it has no rights, no ether and as much gas as the caller gives.
contract TransferCheck {
    constructor(IERC20 token, address from, address to, uint256 amount, bytes memory transfer) {
        uint256 held = token.balanceOf(from);
        uint256 had = token.balanceOf(to);
        // slither-disable-next-line low-level-calls
        (bool done, bytes memory why) = address(token).call(transfer);
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            if iszero(done) { revert(add(why, 32), mload(why)) }
        }
        uint256 left = token.balanceOf(from);
        uint256 has = token.balanceOf(to);
        // slither-disable-next-line incorrect-equality
        bool exact = left <= held && held - left == amount && has >= had && has - had == amount;
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            mstore(0, exact)
            return(0, 32)
        }
    }
}
