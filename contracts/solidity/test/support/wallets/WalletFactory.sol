// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnedWallet} from "./OwnedWallet.sol";

/// @dev Deploys a wallet at an address that its owner and a salt decide (CREATE2).
contract WalletFactory {
    function deploy(address owner, bytes32 salt) external returns (OwnedWallet) {
        return new OwnedWallet{salt: salt}(owner);
    }

    function addressOf(address owner, bytes32 salt) external view returns (address) {
        bytes32 code = keccak256(abi.encodePacked(type(OwnedWallet).creationCode, abi.encode(owner)));
        return address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, code)))));
    }
}
