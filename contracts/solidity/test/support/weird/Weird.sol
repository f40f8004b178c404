// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Token} from "../../../src/Token.sol";

/// @dev Calls whatever it was told to, once, before each transfer: what a token with hooks can do.
contract ReentrantToken is Token {
    address private _target;
    bytes private _call;
    bytes public answer;
    bool public succeeded;

    constructor(address holder, uint256 supply) Token(holder, supply) {}

    function arm(address target, bytes calldata call_) external {
        _target = target;
        _call = call_;
    }

    function _update(address from, address to, uint256 value) internal override {
        address target = _target;
        if (target != address(0)) {
            _target = address(0);
            (succeeded, answer) = target.call(_call);
        }
        super._update(from, to, value);
    }
}

/// @dev Says no instead of reverting, as some old tokens do.
contract RefusingToken is Token {
    bool public refuses;

    constructor(address holder, uint256 supply) Token(holder, supply) {}

    function refuse(bool yes) external {
        refuses = yes;
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return !refuses && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return !refuses && super.transferFrom(from, to, value);
    }
}
