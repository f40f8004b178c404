// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev Any other token than ours.
contract OtherToken is ERC20 {
    constructor(address holder, uint256 supply) ERC20("Other", "OTH") {
        _mint(holder, supply);
    }
}

/// @dev Takes a tenth of every transfer for itself.
contract CuttingToken is OtherToken {
    constructor(address holder, uint256 supply) OtherToken(holder, supply) {}

    function _update(address from, address to, uint256 value) internal override {
        uint256 cut = from == address(0) ? 0 : value / 10;
        super._update(from, to, value - cut);
        if (cut > 0) super._update(from, address(this), cut);
    }
}

/// @dev Says yes and moves nothing, or moves more than was asked for.
contract LyingToken is OtherToken {
    uint256 public moves;

    constructor(address holder, uint256 supply) OtherToken(holder, supply) {}

    function move(uint256 value) external {
        moves = value;
    }

    function transferFrom(address from, address to, uint256) public override returns (bool) {
        if (moves > 0) _update(from, to, moves);
        return true;
    }
}

/// @dev Takes from whoever is paid.
contract BackwardToken is OtherToken {
    constructor(address holder, uint256 supply) OtherToken(holder, supply) {}

    function transferFrom(address, address to, uint256 value) public override returns (bool) {
        _burn(to, value);
        return true;
    }
}

/// @dev Answers nothing, as some old tokens do, or false, as others do instead of reverting.
contract OldToken {
    mapping(address who => uint256 value) public balanceOf;
    bool public refuses;

    constructor(address holder, uint256 supply) {
        balanceOf[holder] = supply;
    }

    function refuse(bool yes) external {
        refuses = yes;
    }

    function transferFrom(address from, address to, uint256 value) external {
        if (refuses) {
            assembly ("memory-safe") {
                mstore(0, 0)
                return(0, 32)
            }
        }
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}

/// @dev Tells the sender before it moves anything, as ERC-777 does.
contract HookedToken is OtherToken {
    constructor(address holder, uint256 supply) OtherToken(holder, supply) {}

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        if (from.code.length > 0) HookedGiver(from).beforeSent();
        _transfer(from, to, value);
        return true;
    }
}

/// @dev Gives, and whenever it is told of that does something else first.
contract HookedGiver {
    address private _target;
    bytes private _call;
    bytes public answer;
    bool public succeeded;

    function arm(address target, bytes calldata call_) external {
        _target = target;
        _call = call_;
    }

    function act(address target, bytes calldata call_) external {
        (bool done, bytes memory why) = target.call(call_);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(why, 32), mload(why))
            }
        }
    }

    function beforeSent() external {
        address target = _target;
        if (target == address(0)) return;
        _target = address(0);
        (succeeded, answer) = target.call(_call);
    }
}
