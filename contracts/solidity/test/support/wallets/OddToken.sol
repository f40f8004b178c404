// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev A token that answers `symbol` and `decimals` with whatever bytes it was given, and takes a cut of each transfer.
contract OddToken is ERC20 {
    bytes private _symbolAnswer;
    bytes private _decimalsAnswer;
    uint256 private immutable _cutBps;

    constructor(address holder, uint256 supply, bytes memory symbolAnswer, bytes memory decimalsAnswer, uint256 cutBps)
        ERC20("Odd", "")
    {
        _symbolAnswer = symbolAnswer;
        _decimalsAnswer = decimalsAnswer;
        _cutBps = cutBps;
        _mint(holder, supply);
    }

    function symbol() public view override returns (string memory) {
        _answer(_symbolAnswer);
    }

    function decimals() public view override returns (uint8) {
        _answer(_decimalsAnswer);
    }

    /// @dev Without an end where there is nothing to answer.
    function _answer(bytes memory what) private pure {
        assembly ("memory-safe") {
            if iszero(mload(what)) { for {} 1 {} {} }
            return(add(what, 32), mload(what))
        }
    }

    function _update(address from, address to, uint256 value) internal override {
        uint256 cut = from == address(0) ? 0 : value * _cutBps / 10_000;
        super._update(from, to, value - cut);
        if (cut > 0) super._update(from, address(this), cut);
    }
}
