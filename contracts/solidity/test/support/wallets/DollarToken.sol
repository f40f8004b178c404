// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @dev A token as the dollars are that programs pay with: six decimals, version 2, EIP-2612 and EIP-3009. What is set
/// in `trick` it does in place of a transfer by signature, as one might that was upgraded since.
contract DollarToken is ERC20 {
    enum Trick {
        None,
        MovesNothing,
        MovesLess,
        BurnsGas,
        FakesTransfer,
        Reenters,
        Refuses,
        TakesAll
    }

    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
    event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce);

    string public constant version = "2";
    bytes32 public immutable DOMAIN_SEPARATOR;
    mapping(address => uint256) public nonces;
    mapping(address => mapping(bytes32 => bool)) public authorizationState;
    Trick public trick;
    mapping(uint256 => uint256) private _burned;

    bytes32 private constant _PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    bytes32 private constant _TRANSFER = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    constructor(address holder, uint256 supply, string memory name_, string memory symbol_, bool lies)
        ERC20(name_, symbol_)
    {
        DOMAIN_SEPARATOR = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name_)),
                keccak256(bytes(lies ? "3" : "2")),
                block.chainid,
                address(this)
            )
        );
        _mint(holder, supply);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function become(Trick trick_) external {
        trick = trick_;
    }

    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        require(block.timestamp <= deadline, "DollarToken: permit is expired");
        _signed(owner, keccak256(abi.encode(_PERMIT, owner, spender, value, nonces[owner]++, deadline)), v, r, s);
        _approve(owner, spender, value);
    }

    function cancelAuthorization(address authorizer, bytes32 nonce, uint8, bytes32, bytes32) external {
        authorizationState[authorizer][nonce] = true;
        emit AuthorizationCanceled(authorizer, nonce);
    }

    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        require(block.timestamp > validAfter, "DollarToken: authorization is not yet valid");
        require(block.timestamp < validBefore, "DollarToken: authorization is expired");
        require(!authorizationState[from][nonce], "DollarToken: authorization is used");
        require(trick != Trick.Refuses, "DollarToken: paused");
        _signed(from, keccak256(abi.encode(_TRANSFER, from, to, value, validAfter, validBefore, nonce)), v, r, s);
        authorizationState[from][nonce] = true;
        if (trick != Trick.MovesNothing) emit AuthorizationUsed(from, nonce);
        _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private {
        if (trick == Trick.FakesTransfer) emit Transfer(from, to, value);
        if (trick == Trick.MovesNothing || trick == Trick.FakesTransfer) return;
        if (trick == Trick.BurnsGas) {
            for (uint256 i = 0; i < 60; i++) {
                _burned[i] = block.number;
            }
        }
        if (trick == Trick.Reenters) DollarToken(address(this)).again(from, to, value);
        if (trick == Trick.TakesAll) value = balanceOf(from);
        _transfer(from, to, trick == Trick.MovesLess ? value - 1 : value);
    }

    function again(address from, address to, uint256 value) external {
        require(msg.sender == address(this));
        _transfer(from, to, value);
    }

    function _signed(address signer, bytes32 hash, uint8 v, bytes32 r, bytes32 s) private view {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR, hash));
        require(ECDSA.recover(digest, v, r, s) == signer, "DollarToken: invalid signature");
    }
}
