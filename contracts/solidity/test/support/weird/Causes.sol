// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Takes no ether.
contract RefusingCause {
    error NoThanks();

    receive() external payable {
        revert NoThanks();
    }
}

/// @dev Calls whatever it was told to with the ether that comes, and keeps what that leaves.
contract GreedyCause {
    address private _target;
    bytes private _call;
    bytes public answer;
    bool public succeeded;

    function arm(address target, bytes calldata call_) external {
        _target = target;
        _call = call_;
    }

    receive() external payable {
        (succeeded, answer) = _target.call{value: msg.value}(_call);
    }
}
