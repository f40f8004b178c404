// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnedWallet} from "./OwnedWallet.sol";

/// @dev A wallet that anybody can take.
contract LooseWallet is OwnedWallet {
    constructor(address owner_) OwnedWallet(owner_) {}

    function take(address to) external {
        owner = to;
    }
}
