// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @title Earnest money: the token that stakes, fees and gifts are counted in
/// @notice 18 decimals, one fixed supply minted at deployment, burnable by its holders, spendable by signature.
/// @dev Trust assumptions:
/// - Nobody is trusted. There is no owner, minter, pauser, block list or upgrade; the code is all there is.
/// - The supply is made once, in the constructor, and only ever falls: every holder may burn what is theirs.
/// - A holder's signature moves their tokens without a transaction of theirs (EIP-2612 permit, EIP-3009
///   authorization), so a person without ETH can pay. Both are bound to this contract and chain by EIP-712
///   (name "Earnest", version "1").
/// - EIP-3009 signatures come from a key (v, r, s); contract wallets use `approve` and `transfer`.
/// - A validity bound with bit 47 set in both `validAfter` and `validBefore` counts blocks instead of seconds
///   (OpenZeppelin's dual clock). Sign with `validAfter = 0` and the clock is always seconds.
contract Token is ERC20, ERC20Burnable, ERC20Permit, ERC3009 {
    /// @notice Mint the whole supply, once and for ever.
    /// @param initialHolder who receives all of it
    /// @param supply how much there is, in base units (10^-18)
    constructor(address initialHolder, uint256 supply) ERC20("Earnest", "ERN") ERC20Permit("Earnest") {
        _mint(initialHolder, supply);
    }
}
